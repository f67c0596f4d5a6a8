// SPDX-License-Identifier: GPL-2.0

//! The few commands of bpf(2) that are needed.

use crate::asm::{encode, Insn};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileExt;

const MAP_CREATE: i32 = 0;
const PROG_LOAD: i32 = 5;
const PROG_TEST_RUN: i32 = 10;
const BTF_LOAD: i32 = 18;

const MAP_TYPE_ARRAY: u32 = 2;
const MAP_MMAPABLE: u32 = 1 << 10;
const PROG_TYPE_SCHED_CLS: u32 = 3;

/// `union bpf_attr`, as words of 4 bytes.
struct Attr([u32; 44]);

impl Attr {
    fn new() -> Self {
        Attr([0; 44])
    }

    fn set(&mut self, byte: usize, v: u32) {
        self.0[byte / 4] = v;
    }

    fn set64(&mut self, byte: usize, v: u64) {
        self.0[byte / 4] = v as u32;
        self.0[byte / 4 + 1] = (v >> 32) as u32;
    }

    fn call(&mut self, cmd: i32) -> Result<i32, i32> {
        // SAFETY: the attribute is as long as said, and what it points to lives
        // in the callers below until the call returns.
        let ret = unsafe {
            libc::syscall(
                libc::SYS_bpf,
                cmd,
                self.0.as_mut_ptr(),
                std::mem::size_of_val(&self.0),
            )
        };
        if ret < 0 {
            Err(io::Error::last_os_error().raw_os_error().unwrap_or(0))
        } else {
            Ok(ret as i32)
        }
    }

    fn fd(&mut self, cmd: i32) -> Result<OwnedFd, i32> {
        let fd = self.call(cmd)?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

pub fn btf_load(btf: &[u8], log: Option<&mut Vec<u8>>) -> Result<OwnedFd, i32> {
    let mut a = Attr::new();
    a.set64(0, btf.as_ptr() as u64);
    a.set(16, btf.len() as u32);
    if let Some(log) = log {
        a.set64(8, log.as_mut_ptr() as u64);
        a.set(20, log.len() as u32);
        a.set(24, 1);
    }
    a.fd(BTF_LOAD)
}

/// An array; with types of its key and value, if its values are not plain.
pub fn array(
    size: u32,
    entries: u32,
    mmap: bool,
    types: Option<(&OwnedFd, u32, u32)>,
) -> Result<OwnedFd, i32> {
    let mut a = Attr::new();
    a.set(0, MAP_TYPE_ARRAY);
    a.set(4, 4);
    a.set(8, size);
    a.set(12, entries);
    a.set(16, if mmap { MAP_MMAPABLE } else { 0 });
    if let Some((btf, key, value)) = types {
        a.set(48, btf.as_raw_fd() as u32);
        a.set(52, key);
        a.set(56, value);
    }
    a.fd(MAP_CREATE)
}

/// The result of loading: the errno, and what the verifier said.
pub struct Refused {
    pub errno: i32,
    pub log: String,
}

/// `funcs` has the first instruction and the type of each function.
pub fn load(
    insns: &[Insn],
    btf: &OwnedFd,
    funcs: &[(u32, u32)],
    log: Option<&mut Vec<u8>>,
) -> Result<OwnedFd, Refused> {
    let code = encode(insns);
    let info: Vec<u32> = funcs.iter().flat_map(|(at, ty)| [*at, *ty]).collect();
    let licence = c"GPL";
    let mut a = Attr::new();
    a.set(0, PROG_TYPE_SCHED_CLS);
    a.set(4, insns.len() as u32);
    a.set64(8, code.as_ptr() as u64);
    a.set64(16, licence.as_ptr() as u64);
    a.set(72, btf.as_raw_fd() as u32);
    a.set(76, 8);
    a.set64(80, info.as_ptr() as u64);
    a.set(88, funcs.len() as u32);
    let mut text = None;
    if let Some(log) = log {
        log[0] = 0;
        a.set(24, 1);
        a.set(28, log.len() as u32);
        a.set64(32, log.as_mut_ptr() as u64);
        text = Some(log);
    }
    a.fd(PROG_LOAD).map_err(|errno| Refused {
        errno,
        log: text.map_or(String::new(), |t| {
            let end = t.iter().position(|c| *c == 0).unwrap_or(t.len());
            String::from_utf8_lossy(&t[..end]).into_owned()
        }),
    })
}

/// Run once; gives what the program returned.
pub fn run(prog: &OwnedFd) -> Result<u32, i32> {
    let packet = [0u8; 64];
    let mut a = Attr::new();
    a.set(0, prog.as_raw_fd() as u32);
    a.set(8, packet.len() as u32);
    a.set64(16, packet.as_ptr() as u64);
    a.call(PROG_TEST_RUN)?;
    Ok(a.0[1])
}

/// The value of an array map with one element, in our own memory.
pub struct Shared {
    pub map: OwnedFd,
    words: *mut u64,
    len: usize,
}

impl Shared {
    pub fn new(words: usize) -> Result<Self, String> {
        let map = array(words as u32 * 8, 1, true, None).map_err(|e| format!("map: errno {e}"))?;
        // SAFETY: a fresh mapping of the whole map, which is this long.
        let p = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                words * 8,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                map.as_raw_fd(),
                0,
            )
        };
        if p == libc::MAP_FAILED {
            return Err(format!("mmap: {}", io::Error::last_os_error()));
        }
        Ok(Self {
            map,
            words: p.cast(),
            len: words,
        })
    }

    pub fn get(&self, i: usize) -> u64 {
        assert!(i < self.len);
        // SAFETY: within the mapping, which lives as long as this does. Programs
        // write to it only while the thread that owns this runs them.
        unsafe { self.words.add(i).read_volatile() }
    }

    pub fn set(&self, i: usize, v: u64) {
        assert!(i < self.len);
        // SAFETY: as in `get()`.
        unsafe { self.words.add(i).write_volatile(v) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrows from it.
        unsafe { libc::munmap(self.words.cast(), self.len * 8) };
    }
}

/// The switch between the two implementations.
pub struct Switch(File);

impl Switch {
    pub fn open() -> Result<Self, String> {
        let path = "/proc/sys/kernel/bpf_graph_impl";
        File::options()
            .read(true)
            .write(true)
            .open(path)
            .map(Switch)
            .map_err(|e| format!("{path}: {e}; the kernel needs CONFIG_BPF_GRAPH_AB"))
    }

    pub fn set(&self, name: &str) {
        self.0
            .write_all_at(name.as_bytes(), 0)
            .expect("kernel.bpf_graph_impl cannot be written");
    }
}

/// Keep the calling thread on one CPU: what it does then is repeatable.
pub fn pin(cpu: usize) {
    // SAFETY: a set of all zeroes is a valid one, and lives during the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of_val(&set), &set);
    }
}
