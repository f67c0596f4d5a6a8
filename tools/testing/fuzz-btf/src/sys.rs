// SPDX-License-Identifier: GPL-2.0

//! bpf(2): loading BTF, and maps of its types.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

const MAP_CREATE: i32 = 0;
const BTF_LOAD: i32 = 18;

const MAP_TYPE_ARRAY: u32 = 2;
const MAP_TYPE_ARENA: u32 = 33;
const MAP_MMAPABLE: u32 = 1 << 10;

/// `union bpf_attr`, as words of 4 bytes.
struct Attr([u32; 44]);

impl Attr {
    fn set64(&mut self, byte: usize, v: u64) {
        self.0[byte / 4] = v as u32;
        self.0[byte / 4 + 1] = (v >> 32) as u32;
    }

    fn fd(&mut self, cmd: i32) -> Result<OwnedFd, i32> {
        // SAFETY: the attribute is as long as said, and what it points to lives in the callers
        // below until the call returns.
        let ret = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                cmd,
                self.0.as_mut_ptr(),
                std::mem::size_of_val(&self.0),
            )
        };
        if ret < 0 {
            return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
        }
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(ret as i32) })
    }
}

/// The BTF, or an error; with all that the kernel has to say of it in `log`.
pub fn btf_load(btf: &[u8], log: &mut [u8]) -> Result<OwnedFd, i32> {
    let mut a = Attr([0; 44]);
    a.set64(0, btf.as_ptr() as u64);
    a.set64(8, log.as_mut_ptr() as u64);
    a.0[4] = btf.len() as u32;
    a.0[5] = log.len() as u32;
    a.0[6] = 1;
    a.fd(BTF_LOAD)
}

/// What comes of a map whose values are of `value`, of a type that has `size`: 0 or an error.
/// Where there is no size, it is a map that has no values.
pub fn map(btf: &OwnedFd, value: u32, size: u32) -> i32 {
    let mut a = Attr([0; 44]);
    if size == 0 {
        a.0[..5].copy_from_slice(&[MAP_TYPE_ARENA, 0, 0, 1, MAP_MMAPABLE]);
    } else {
        a.0[..5].copy_from_slice(&[MAP_TYPE_ARRAY, 4, size, 1, 0]);
    }
    a.0[12] = btf.as_raw_fd() as u32;
    a.0[14] = value;
    a.fd(MAP_CREATE).err().unwrap_or(0)
}
