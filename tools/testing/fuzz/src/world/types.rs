// SPDX-License-Identifier: GPL-2.0

//! The BTF of a world.

use super::{Declared, Kind, World};
use crate::btf::{Member, Writer};

/// The ids of what a loaded program refers to.
pub struct Types {
    pub blob: Vec<u8>,
    pub key: u32,
    pub value: u32,
    pub objects: Vec<u32>,
    pub percpu: u32,
    pub main: u32,
    pub less: u32,
    pub compare: u32,
}

impl World {
    pub fn types(&self) -> Types {
        let mut w = Writer::new();
        let key = w.int("int", 4);
        let long = w.int("long", 8);
        let fixed: Vec<u32> = [
            ("bpf_spin_lock", 4),
            ("bpf_res_spin_lock", 4),
            ("bpf_list_head", 16),
            ("bpf_list_node", 24),
            ("bpf_rb_root", 16),
            ("bpf_rb_node", 32),
            ("bpf_refcount", 4),
            ("task_struct", 0),
        ]
        .iter()
        .map(|(name, size)| w.structure(name, *size, &[]))
        .collect();
        let tag = w.type_tag("kptr", fixed[7]);
        let task = w.ptr(tag);
        let percpu = w.structure(
            "tally",
            16,
            &[
                Member {
                    name: "sum".into(),
                    ty: long,
                    off: 0,
                },
                Member {
                    name: "n".into(),
                    ty: long,
                    off: 8,
                },
            ],
        );
        let tag = w.type_tag("percpu_kptr", percpu);
        let tally = w.ptr(tag);
        let mut objects = Vec::new();
        let mut tags = Vec::new();
        for t in 0..=self.types.len() {
            let (layout, name) = match self.types.get(t) {
                Some(l) => (l, format!("object{t}")),
                None => (&self.value, "value".to_string()),
            };
            let mut members = Vec::new();
            let mut roots = Vec::new();
            for (i, (kind, off)) in layout.fields.iter().enumerate() {
                let ty = match *kind {
                    Kind::Id | Kind::Key | Kind::Aux => long,
                    Kind::SpinLock => fixed[0],
                    Kind::ResLock => fixed[1],
                    Kind::ListNode => fixed[3],
                    Kind::RbNode => fixed[5],
                    Kind::Refcount => fixed[6],
                    Kind::Counted => task,
                    Kind::Percpu => tally,
                    Kind::Kptr(of) => {
                        let tag = w.type_tag("kptr", objects[of]);
                        w.ptr(tag)
                    }
                    Kind::List { ty, node, n } | Kind::Tree { ty, node, n, .. } => {
                        roots.push((format!("contains:object{ty}:f{node}"), i as u32));
                        roots.extend(self.key_tag(*kind, ty).map(|tag| (tag, i as u32)));
                        let head = fixed[if kind.root().unwrap_or_default().0 {
                            4
                        } else {
                            2
                        }];
                        if n > 1 {
                            w.array(head, key, n as u32)
                        } else {
                            head
                        }
                    }
                };
                members.push(Member {
                    name: format!("f{i}"),
                    ty,
                    off: *off,
                });
            }
            let id = w.structure(&name, layout.size, &members);
            objects.push(id);
            tags.extend(roots.into_iter().map(|(tag, at)| (tag, id, at)));
        }
        let value = objects.pop().unwrap_or_default();
        for (tag, of, at) in tags {
            w.decl_tag(&tag, of, at);
        }
        let ctx = w.structure("__sk_buff", 0, &[]);
        let ctx = w.ptr(ctx);
        let proto = w.proto(key, &[("ctx", ctx)]);
        let main = w.func("main", proto, true);
        let node = w.ptr(fixed[5]);
        let proto = w.proto(key, &[("a", node), ("b", node)]);
        let less = w.func("less", proto, false);
        let any = w.ptr(0);
        let proto = w.proto(key, &[("key", any), ("node", node)]);
        let compare = w.func("compare", proto, false);
        Types {
            blob: w.finish(),
            key,
            value,
            objects,
            percpu,
            main,
            less,
            compare,
        }
    }

    /// What a root of objects of type `ty` says of its order.
    fn key_tag(&self, kind: Kind, ty: usize) -> Option<String> {
        let mut tag = "key".to_string();
        let names = match kind.declared() {
            Declared::Nothing => return None,
            Declared::Key => &[Kind::Key][..],
            Declared::KeyAndId => &[Kind::Key, Kind::Id],
        };
        for name in names {
            let field = self.types[ty].fields.iter().position(|f| f.0 == *name)?;
            tag.push_str(&format!(":f{field}"));
        }
        Some(tag)
    }
}
