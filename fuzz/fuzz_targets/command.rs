#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| fxp_proto::fuzzing::command(data));
