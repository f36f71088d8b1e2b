//! TYPE A: lines end in CRLF on the wire (RFC 959, 3.1.1.1) and in LF in our files.

use std::io;

use fxp_net::data::{Sink, Source};
use fxp_store::storage::ReadFile;

use super::send::storage_error;

/// A text file on its way out. A line end that is CRLF in the file already stays one.
pub(super) struct Outgoing {
    file: Box<dyn ReadFile>,
    position: u64,
    /// What was read, and how far it has been converted.
    raw: Vec<u8>,
    used: usize,
    last: u8,
    /// A LF whose CR has been sent already.
    owed: bool,
}

impl Outgoing {
    /// The file from its beginning.
    pub(super) fn new(file: Box<dyn ReadFile>) -> Self {
        Outgoing { file, position: 0, raw: Vec::new(), used: 0, last: 0, owed: false }
    }

    /// True if there is something to convert.
    fn fill(&mut self) -> io::Result<bool> {
        if self.used < self.raw.len() {
            return Ok(true);
        }
        self.raw.resize(BATCH, 0);
        let read = self.file.read_at(&mut self.raw, self.position).map_err(storage_error)?;
        self.raw.truncate(read);
        self.used = 0;
        self.position += read as u64;
        Ok(read > 0)
    }
}

impl Source for Outgoing {
    /// Converted bytes have no offset in the file; they come in order.
    fn read_at(&mut self, buffer: &mut [u8], _offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            if std::mem::take(&mut self.owed) {
                buffer[filled] = b'\n';
                filled += 1;
                continue;
            }
            if !self.fill()? {
                break;
            }
            let byte = self.raw[self.used];
            self.used += 1;
            let bare = byte == b'\n' && self.last != b'\r';
            self.last = byte;
            self.owed = bare;
            buffer[filled] = if bare { b'\r' } else { byte };
            filled += 1;
        }
        Ok(filled)
    }
}

/// A text file on its way in: CRLF becomes LF, a CR alone stays.
pub(super) struct Incoming<S> {
    sink: S,
    converted: Vec<u8>,
    /// A CR at the end of the last piece: what follows decides about it.
    held: bool,
}

impl<S: Sink> Incoming<S> {
    /// Writes into `sink`.
    pub(super) fn new(sink: S) -> Self {
        Incoming { sink, converted: Vec::new(), held: false }
    }

    /// All pieces have come.
    pub(super) fn finish(mut self) -> io::Result<S> {
        if self.held {
            self.sink.write(b"\r")?;
        }
        Ok(self.sink)
    }
}

impl<S: Sink> Sink for Incoming<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.converted.clear();
        for &byte in bytes {
            if std::mem::take(&mut self.held) && byte != b'\n' {
                self.converted.push(b'\r');
            }
            match byte {
                b'\r' => self.held = true,
                _ => self.converted.push(byte),
            }
        }
        self.sink.write(&self.converted)
    }
}

/// Bytes read from the file at once.
const BATCH: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    struct Memory(&'static [u8]);

    impl ReadFile for Memory {
        fn size(&self) -> fxp_store::storage::Result<u64> {
            Ok(self.0.len() as u64)
        }

        fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> fxp_store::storage::Result<usize> {
            let rest = &self.0[usize::try_from(offset).unwrap().min(self.0.len())..];
            let length = rest.len().min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            Ok(length)
        }
    }

    struct Collected(Vec<u8>);

    impl Sink for Collected {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.0.extend_from_slice(bytes);
            Ok(())
        }
    }

    #[test]
    fn lines_out_whatever_the_size_of_the_pieces() {
        for (file, wire) in [
            (b"".as_slice(), b"".as_slice()),
            (b"a\nb", b"a\r\nb"),
            (b"\n\n", b"\r\n\r\n"),
            (b"a\r\nb\n", b"a\r\nb\r\n"),
            (b"\r\r\n\ra", b"\r\r\n\ra"),
        ] {
            for piece in 1..6 {
                let mut source = Outgoing::new(Box::new(Memory(file)));
                let (mut sent, mut buffer) = (Vec::new(), vec![0; piece]);
                loop {
                    let read = source.read_at(&mut buffer, sent.len() as u64).unwrap();
                    if read == 0 {
                        break;
                    }
                    sent.extend_from_slice(&buffer[..read]);
                }
                assert_eq!(sent, wire, "{file:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn lines_in_whatever_the_size_of_the_pieces() {
        for (wire, file) in [
            (b"a\r\nb".as_slice(), b"a\nb".as_slice()),
            (b"\r\n\r\n", b"\n\n"),
            (b"a\rb\nc\r", b"a\rb\nc\r"),
            (b"\r\r\n", b"\r\n"),
        ] {
            for piece in 1..5 {
                let mut sink = Incoming::new(Collected(Vec::new()));
                for bytes in wire.chunks(piece) {
                    sink.write(bytes).unwrap();
                }
                assert_eq!(sink.finish().unwrap().0, file, "{wire:?} in pieces of {piece}");
            }
        }
    }
}
