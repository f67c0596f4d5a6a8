// SPDX-License-Identifier: GPL-2.0

//! What programs call.

use super::{Node, Op, Want};

/// All of the API. The order is that of the report.
pub const KFUNCS: [&str; 69] = [
    "bpf_obj_new",
    "bpf_obj_new_impl",
    "bpf_obj_drop",
    "bpf_obj_drop_impl",
    "bpf_percpu_obj_new",
    "bpf_percpu_obj_new_impl",
    "bpf_percpu_obj_drop",
    "bpf_percpu_obj_drop_impl",
    "bpf_refcount_acquire",
    "bpf_refcount_acquire_impl",
    "bpf_list_push_front",
    "bpf_list_push_front_impl",
    "bpf_list_push_back",
    "bpf_list_push_back_impl",
    "bpf_list_add",
    "bpf_list_pop_front",
    "bpf_list_pop_back",
    "bpf_list_del",
    "bpf_list_front",
    "bpf_list_back",
    "bpf_list_is_first",
    "bpf_list_is_last",
    "bpf_list_empty",
    "bpf_rbtree_add",
    "bpf_rbtree_add_impl",
    "bpf_rbtree_remove",
    "bpf_rbtree_first",
    "bpf_rbtree_root",
    "bpf_rbtree_left",
    "bpf_rbtree_right",
    "bpf_list_next",
    "bpf_list_prev",
    "bpf_rbtree_next",
    "bpf_rbtree_prev",
    "bpf_list_move_front",
    "bpf_list_move_back",
    "bpf_rbtree_move",
    "bpf_rbtree_reposition",
    "bpf_list_move_rbtree",
    "bpf_rbtree_move_list_front",
    "bpf_rbtree_move_list_back",
    "bpf_list_owns_node",
    "bpf_rbtree_owns_node",
    "bpf_rbtree_find",
    "bpf_rbtree_lower_bound",
    "bpf_rbtree_upper_bound",
    "bpf_rbtree_add_key",
    "bpf_rbtree_add_key_reserved",
    "bpf_rbtree_move_key",
    "bpf_rbtree_find_key",
    "bpf_rbtree_lower_bound_key",
    "bpf_rbtree_upper_bound_key",
    "bpf_iter_list_new",
    "bpf_iter_list_next",
    "bpf_iter_list_destroy",
    "bpf_iter_rbtree_new",
    "bpf_iter_rbtree_next",
    "bpf_iter_rbtree_destroy",
    "bpf_list_can_add",
    "bpf_rbtree_can_add",
    "bpf_list_unreserve",
    "bpf_rbtree_unreserve",
    "bpf_list_push_front_reserved",
    "bpf_list_push_back_reserved",
    "bpf_rbtree_add_reserved",
    "bpf_spin_lock_double",
    "bpf_spin_unlock_double",
    "bpf_res_spin_lock_double",
    "bpf_res_spin_unlock_double",
];

/// What programs call beside them.
pub const OTHERS: [&str; 4] = [
    "bpf_task_acquire",
    "bpf_task_release",
    "bpf_res_spin_lock",
    "bpf_res_spin_unlock",
];

/// What an iterator is made, moved on and ended by.
pub fn iterator(tree: bool) -> [&'static str; 3] {
    if tree {
        [
            "bpf_iter_rbtree_new",
            "bpf_iter_rbtree_next",
            "bpf_iter_rbtree_destroy",
        ]
    } else {
        [
            "bpf_iter_list_new",
            "bpf_iter_list_next",
            "bpf_iter_list_destroy",
        ]
    }
}

impl Node {
    /// The kfunc that this calls.
    pub fn kfunc(&self) -> Option<&'static str> {
        let twin = |plain, twin| if self.twin { twin } else { plain };
        Some(match self.op {
            Op::New { .. } => twin("bpf_obj_new", "bpf_obj_new_impl"),
            Op::Drop { .. } => twin("bpf_obj_drop", "bpf_obj_drop_impl"),
            Op::PercpuNew { .. } => twin("bpf_percpu_obj_new", "bpf_percpu_obj_new_impl"),
            Op::PercpuDrop { .. } => twin("bpf_percpu_obj_drop", "bpf_percpu_obj_drop_impl"),
            Op::Acquire { .. } => twin("bpf_refcount_acquire", "bpf_refcount_acquire_impl"),
            Op::Push { back: false, .. } => twin("bpf_list_push_front", "bpf_list_push_front_impl"),
            Op::Push { .. } => twin("bpf_list_push_back", "bpf_list_push_back_impl"),
            Op::Add { .. } => "bpf_list_add",
            Op::Pop { back: false, .. } => "bpf_list_pop_front",
            Op::Pop { .. } => "bpf_list_pop_back",
            Op::Del { .. } => "bpf_list_del",
            Op::End { back: false, .. } => "bpf_list_front",
            Op::End { .. } => "bpf_list_back",
            Op::IsEnd { back: false, .. } => "bpf_list_is_first",
            Op::IsEnd { .. } => "bpf_list_is_last",
            Op::IsEmpty { .. } => "bpf_list_empty",
            Op::TreeAdd { less, .. } if less.is_declared() => "bpf_rbtree_add_key",
            Op::TreeAddReserved { less, .. } if less.is_declared() => "bpf_rbtree_add_key_reserved",
            Op::TreeMove { less, .. } | Op::Reposition { less, .. } if less.is_declared() => {
                "bpf_rbtree_move_key"
            }
            Op::Search { want, order, .. } if order.is_declared() => match want {
                Want::Equal => "bpf_rbtree_find_key",
                Want::NotLess => "bpf_rbtree_lower_bound_key",
                Want::Greater => "bpf_rbtree_upper_bound_key",
            },
            Op::TreeAdd { .. } => twin("bpf_rbtree_add", "bpf_rbtree_add_impl"),
            Op::Remove { .. } => "bpf_rbtree_remove",
            Op::First { .. } => "bpf_rbtree_first",
            Op::Top { .. } => "bpf_rbtree_root",
            Op::Child { right: false, .. } => "bpf_rbtree_left",
            Op::Child { .. } => "bpf_rbtree_right",
            Op::Beside { tree, back, .. } => match (tree, back) {
                (false, false) => "bpf_list_next",
                (false, true) => "bpf_list_prev",
                (true, false) => "bpf_rbtree_next",
                (true, true) => "bpf_rbtree_prev",
            },
            Op::Move { back: false, .. } => "bpf_list_move_front",
            Op::Move { .. } => "bpf_list_move_back",
            Op::TreeMove { .. } => "bpf_rbtree_move",
            Op::Reposition { .. } => "bpf_rbtree_reposition",
            Op::Across { tree, back, .. } => match (tree, back) {
                (true, _) => "bpf_list_move_rbtree",
                (false, false) => "bpf_rbtree_move_list_front",
                (false, true) => "bpf_rbtree_move_list_back",
            },
            Op::IfOwned { tree: false, .. } => "bpf_list_owns_node",
            Op::IfOwned { .. } => "bpf_rbtree_owns_node",
            Op::Search { want, .. } => match want {
                Want::Equal => "bpf_rbtree_find",
                Want::NotLess => "bpf_rbtree_lower_bound",
                Want::Greater => "bpf_rbtree_upper_bound",
            },
            Op::Each { tree, .. } => iterator(tree)[0],
            Op::IfCanAdd { tree: false, .. } => "bpf_list_can_add",
            Op::IfCanAdd { .. } => "bpf_rbtree_can_add",
            Op::Unreserve { tree: false, .. } => "bpf_list_unreserve",
            Op::Unreserve { .. } => "bpf_rbtree_unreserve",
            Op::PushReserved { back: false, .. } => "bpf_list_push_front_reserved",
            Op::PushReserved { .. } => "bpf_list_push_back_reserved",
            Op::TreeAddReserved { .. } => "bpf_rbtree_add_reserved",
            Op::LockTwo { res: false, .. } => "bpf_spin_lock_double",
            Op::LockTwo { .. } => "bpf_res_spin_lock_double",
            Op::UnlockTwo { res: false, .. } => "bpf_spin_unlock_double",
            Op::UnlockTwo { .. } => "bpf_res_spin_unlock_double",
            _ => return None,
        })
    }
}
