// SPDX-License-Identifier: GPL-2.0

//! Trees against a model: order, balance and the cached leftmost node after each step.

use core::mem::{offset_of, transmute, zeroed};

use kernel::{bindings, prelude::*};

use super::{kfuncs::Less, tree_item, tree_node, Item, Items, Random};

/// A tree root that nobody else knows, so that its lock need not be taken.
pub(super) struct TreeRoot(KBox<bindings::bpf_rb_root>);

impl TreeRoot {
    /// All zero, as in a map's new value.
    pub(super) fn new() -> Result<Self> {
        // SAFETY: All zeroes is an empty tree.
        Ok(Self(KBox::new(unsafe { zeroed() }, GFP_KERNEL)?))
    }

    pub(super) fn as_ptr(&mut self) -> *mut bindings::bpf_rb_root {
        &raw mut *self.0
    }
}

/// What a program passes to `bpf_rbtree_add()`: as the JIT has it, a function of five words.
///
/// # Safety
///
/// `a` and `b` are tree nodes of live items.
pub(super) unsafe extern "C" fn by_key(a: u64, b: u64, _: u64, _: u64, _: u64) -> u64 {
    let key = |node: u64| {
        // SAFETY: The kfunc passes nodes of items.
        unsafe { (*tree_item(node as *mut bindings::bpf_rb_node)).key }
    };
    u64::from(key(a) < key(b))
}

/// A comparison, as the JIT has it.
type Callback = unsafe extern "C" fn(u64, u64, u64, u64, u64) -> u64;

/// [`by_key()`] under the type that the verifier passes it by.
// SAFETY: Both are pointers to functions; the kfunc calls it by the type it had before.
pub(super) const BY_KEY: Less = unsafe { transmute(by_key as Callback) };

/// `bpf_rbtree_add()` with the keys' order.
pub(super) fn add(items: &Items, root: *mut bindings::bpf_rb_root, item: *mut Item) -> i32 {
    add_by(by_key, items, root, item)
}

/// `bpf_rbtree_add()` with the order of `less`.
fn add_by(less: Callback, items: &Items, root: *mut bindings::bpf_rb_root, item: *mut Item) -> i32 {
    // SAFETY: Both are pointers to functions; the kfunc calls it by the type it had before.
    let less: Less = unsafe { transmute(less) };
    // SAFETY: The root is the test's own, and it has a reference to the item.
    unsafe {
        crate::bpf_rbtree_add(
            root,
            tree_node(item),
            Some(less),
            items.meta(),
            offset_of!(Item, tree) as u64,
        )
    }
}

/// A walk over a tree that checks it.
struct Walk<'a> {
    root: *mut bindings::bpf_rb_root,
    leftmost: *mut bindings::rb_node,
    visit: &'a mut dyn FnMut(*mut Item) -> Seen,
    last: Option<u64>,
}

/// What is wrong with a structure, if something is.
pub(super) type Seen = Result<(), &'static str>;

/// No tree of a suite is deeper, if it is balanced.
const DEEPEST: usize = 32;

impl Walk<'_> {
    /// The number of black nodes on each way down from `node`, whose parent is `parent`.
    fn black_height(
        &mut self,
        node: *mut bindings::rb_node,
        parent: *mut bindings::rb_node,
        parent_is_red: bool,
        depth: usize,
    ) -> Result<usize, &'static str> {
        if node.is_null() {
            return Ok(1);
        }
        if depth == DEEPEST {
            return Err("tree: a way down does not end");
        }
        let item = tree_item(node.cast());
        // SAFETY: The tree is the test's own, and all items in it are live.
        let (links, owner, key) = unsafe { (*node, (*item).tree.owner, (*item).key) };
        let (red, up) = (
            links.__rb_parent_color & 1 == 0,
            links.__rb_parent_color & !3,
        );
        if up != parent as usize {
            return Err("tree: a link to a parent is wrong");
        }
        if red && parent_is_red {
            return Err("tree: a red node has a red child");
        }
        if owner != self.root.cast() {
            return Err("tree: the owner of a linked node is not its root");
        }
        let left = self.black_height(links.rb_left, node, red, depth + 1)?;
        if self.last.is_none() && self.leftmost != node {
            return Err("tree: the cached leftmost node is another one");
        }
        if self.last.is_some_and(|last| last > key) {
            return Err("tree: the order is wrong");
        }
        self.last = Some(key);
        (self.visit)(item)?;
        let right = self.black_height(links.rb_right, node, red, depth + 1)?;
        if left != right {
            return Err("tree: the numbers of black nodes differ");
        }
        Ok(left + usize::from(!red))
    }
}

/// Checks a whole tree, and visits its items in order.
pub(super) fn walk(
    root: *mut bindings::bpf_rb_root,
    visit: &mut dyn FnMut(*mut Item) -> Seen,
) -> Seen {
    let cached: *mut bindings::rb_root_cached = root.cast();
    // SAFETY: The root is the test's own.
    let (top, leftmost) = unsafe { ((*cached).rb_root.rb_node, (*cached).rb_leftmost) };
    if top.is_null() && !leftmost.is_null() {
        return Err("tree: it is empty and has a leftmost node");
    }
    let mut walk = Walk {
        root,
        leftmost,
        visit,
        last: None,
    };
    walk.black_height(top, core::ptr::null_mut(), true, 0)?;
    Ok(())
}

/// Whether the tree holds just `items`, in this order, is balanced as it must be, and knows its
/// leftmost node.
pub(super) fn holds(root: *mut bindings::bpf_rb_root, items: &[*mut Item]) -> bool {
    let mut want = items.iter();
    let mut same = |item| match want.next() {
        Some(&wanted) if wanted == item => Ok(()),
        _ => Err("tree: another item"),
    };
    walk(root, &mut same).is_ok() && want.next().is_none()
}

#[kunit_tests(bpf_graph_tree)]
mod tests {
    use core::{cell::UnsafeCell, ptr::null_mut};

    use kernel::bindings::bpf_rb_root;

    use super::{super::refs, *};
    use crate::{
        bpf_rbtree_first, bpf_rbtree_left, bpf_rbtree_remove, bpf_rbtree_right, bpf_rbtree_root,
    };

    const EINVAL: i32 = -(kernel::bindings::EINVAL as i32);

    #[test]
    fn an_empty_tree_has_nothing() -> Result {
        let mut root = TreeRoot::new()?;
        let root = root.as_ptr();
        let items = Items::shared()?;
        let a = items.make(1);
        // SAFETY: The root is the test's own, and so is the item.
        unsafe {
            assert!(bpf_rbtree_first(root).is_null());
            assert!(bpf_rbtree_root(root).is_null());
            assert!(bpf_rbtree_remove(root, tree_node(a)).is_null());
            assert!(bpf_rbtree_left(root, tree_node(a)).is_null());
            assert!(bpf_rbtree_right(root, tree_node(a)).is_null());
        }
        items.drop(a);
        Ok(())
    }

    #[test]
    fn equal_keys_keep_their_order() -> Result {
        let mut root = TreeRoot::new()?;
        let root = root.as_ptr();
        let items = Items::shared()?;
        let [a, b, c, d, e] = [5, 5, 3, 5, 3].map(|key| items.make(key));
        for item in [a, b, c, d, e] {
            assert_eq!(add(&items, root, item), 0);
        }
        assert!(holds(root, &[c, e, a, b, d]));
        for item in [c, e, a, b, d] {
            // SAFETY: The root is the test's own.
            let first = unsafe { bpf_rbtree_first(root) };
            assert_eq!(tree_item(first), item);
            // SAFETY: As above.
            assert_eq!(tree_item(unsafe { bpf_rbtree_remove(root, first) }), item);
            items.drop(item);
        }
        assert!(holds(root, &[]));
        Ok(())
    }

    #[test]
    fn a_walk_finds_children() -> Result {
        let (mut root, mut other) = (TreeRoot::new()?, TreeRoot::new()?);
        let (root, other) = (root.as_ptr(), other.as_ptr());
        let items = Items::shared()?;
        let [a, b, c] = [1, 2, 3].map(|key| items.make(key));
        for item in [b, a, c] {
            assert_eq!(add(&items, root, item), 0);
        }
        // SAFETY: The roots are the test's own, and so are the items.
        unsafe {
            assert_eq!(tree_item(bpf_rbtree_root(root)), b);
            assert_eq!(tree_item(bpf_rbtree_left(root, tree_node(b))), a);
            assert_eq!(tree_item(bpf_rbtree_right(root, tree_node(b))), c);
            assert!(bpf_rbtree_left(root, tree_node(a)).is_null());
            assert!(bpf_rbtree_right(root, tree_node(a)).is_null());
            // Of another tree, a node has no children and cannot be taken out.
            assert!(bpf_rbtree_left(other, tree_node(b)).is_null());
            assert!(bpf_rbtree_right(other, tree_node(b)).is_null());
            assert!(bpf_rbtree_remove(other, tree_node(b)).is_null());
            assert!(holds(root, &[a, b, c]));
            for item in [a, b, c] {
                assert_eq!(tree_item(bpf_rbtree_remove(root, tree_node(item))), item);
                assert!(bpf_rbtree_remove(root, tree_node(item)).is_null());
                items.drop(item);
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_linked_cannot_be_added() -> Result {
        let (mut one, mut two) = (TreeRoot::new()?, TreeRoot::new()?);
        let (one, two) = (one.as_ptr(), two.as_ptr());
        let items = Items::shared()?;
        let a = items.make(1);
        assert!(items.acquire(a) && items.acquire(a) && items.acquire(a));
        assert_eq!(add(&items, one, a), 0);
        assert_eq!(add(&items, one, a), EINVAL);
        assert_eq!(add(&items, two, a), EINVAL);
        assert_eq!(refs(a), 2);
        assert!(holds(one, &[a]) && holds(two, &[]));
        // SAFETY: The root is the test's own.
        let removed = unsafe { bpf_rbtree_remove(one, tree_node(a)) };
        assert_eq!(tree_item(removed), a);
        // As one that was never in a tree: its own parent.
        // SAFETY: The item is the test's own.
        let node = unsafe { &raw const (*a).tree.rb_node };
        // SAFETY: As above.
        assert_eq!(unsafe { (*node).__rb_parent_color }, node as usize);
        items.drop(a);
        items.drop(a);
        Ok(())
    }

    /// What [`adds_while_comparing()`] adds, once, and to which tree.
    struct Intruder(UnsafeCell<Option<(*mut bpf_rb_root, [*mut Item; 2], *const Items)>>);

    // SAFETY: Only one test uses it.
    unsafe impl Sync for Intruder {}

    static INTRUDER: Intruder = Intruder(UnsafeCell::new(None));

    /// A comparison that adds two nodes to the tree it is called for, left of all others.
    ///
    /// # Safety
    ///
    /// As for [`by_key()`].
    unsafe extern "C" fn adds_while_comparing(a: u64, b: u64, _: u64, _: u64, _: u64) -> u64 {
        // SAFETY: Only one test uses it.
        if let Some((root, nodes, items)) = unsafe { (*INTRUDER.0.get()).take() } {
            for node in nodes {
                // SAFETY: The test keeps all of it.
                let ret = unsafe { add(&*items, root, node) };
                if ret != 0 {
                    return 2;
                }
            }
        }
        // SAFETY: As for `by_key()`.
        unsafe { by_key(a, b, 0, 0, 0) }
    }

    #[test]
    fn a_comparison_that_adds_does_not_spoil_the_leftmost() -> Result {
        let mut root = TreeRoot::new()?;
        let root = root.as_ptr();
        let items = Items::shared()?;
        let [p, x, n1, n2] = [10, 5, 3, 1].map(|key| items.make(key));
        assert_eq!(add(&items, root, p), 0);
        // SAFETY: Only this test uses it.
        unsafe { *INTRUDER.0.get() = Some((root, [n1, n2], &items)) };
        // While x is compared with p, n1 and n2 come left of p, and p is turned to the right.
        assert_eq!(add_by(adds_while_comparing, &items, root, x), 0);
        for item in [n2, n1, x, p] {
            // SAFETY: The root is the test's own.
            let first = unsafe { bpf_rbtree_first(root) };
            assert_eq!(tree_item(first), item);
            // SAFETY: As above.
            assert_eq!(tree_item(unsafe { bpf_rbtree_remove(root, first) }), item);
            items.drop(item);
        }
        assert!(holds(root, &[]));
        Ok(())
    }

    #[test]
    fn random_steps_as_the_model_says() -> Result {
        const ITEMS: usize = 64;
        const STEPS: usize = 20_000;

        let items = Items::shared()?;
        let mut roots = [TreeRoot::new()?, TreeRoot::new()?];
        let roots = [roots[0].as_ptr(), roots[1].as_ptr()];
        let mut model = [
            KVec::with_capacity(ITEMS, GFP_KERNEL)?,
            KVec::with_capacity(ITEMS, GFP_KERNEL)?,
        ];
        let mut random = Random::new(0xdead_beef_1234_5678);
        let mut all = [null_mut(); ITEMS];
        for item in &mut all {
            // Few enough keys that many are equal.
            *item = items.make(random.below(ITEMS / 2) as u64);
        }
        // SAFETY: All items are the test's own.
        let key = |item: *mut Item| unsafe { (*item).key };

        for _ in 0..STEPS {
            let which = random.below(2);
            let (root, item) = (roots[which], all[random.below(ITEMS)]);
            let free = !model.iter().any(|tree| tree.contains(&item));
            let tree = &mut model[which];
            match random.below(5) {
                0 | 1 => {
                    assert!(items.acquire(item));
                    assert_eq!(add(&items, root, item), if free { 0 } else { EINVAL });
                    if free {
                        let at = tree.iter().take_while(|&&i| key(i) <= key(item)).count();
                        tree.insert_within_capacity(at, item).map_err(|_| ENOMEM)?;
                    }
                }
                2 => {
                    // SAFETY: The root is the test's own.
                    let first = unsafe { bpf_rbtree_first(root) };
                    assert_eq!(
                        tree_item(first),
                        tree.first().copied().unwrap_or(null_mut())
                    );
                    if !first.is_null() {
                        // SAFETY: As above.
                        let got = tree_item(unsafe { bpf_rbtree_remove(root, first) });
                        let want = tree.remove(0).map_err(|_| kernel::error::code::EINVAL)?;
                        assert_eq!(got, want);
                        items.drop(got);
                    }
                }
                _ => {
                    // SAFETY: The root is the test's own.
                    let got = tree_item(unsafe { bpf_rbtree_remove(root, tree_node(item)) });
                    match tree.iter().position(|&i| i == item) {
                        Some(at) => {
                            assert_eq!(got, item);
                            tree.remove(at).map_err(|_| kernel::error::code::EINVAL)?;
                            items.drop(item);
                        }
                        None => assert!(got.is_null()),
                    }
                }
            }
            assert!(holds(roots[0], &model[0]));
            assert!(holds(roots[1], &model[1]));
        }

        for (root, tree) in roots.into_iter().zip(&model) {
            for &item in tree {
                // SAFETY: The root is the test's own.
                let got = unsafe { bpf_rbtree_remove(root, tree_node(item)) };
                assert_eq!(tree_item(got), item);
                items.drop(item);
            }
        }
        assert!(all.iter().all(|&item| refs(item) == 1));
        all.map(|item| items.drop(item));
        Ok(())
    }
}
