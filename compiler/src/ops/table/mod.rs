//! THE TABLE: one line for each op, in chapters by subject. [`for_each_op!`](crate::for_each_op) hands all lines to
//! whoever makes something of every op: the list of [`all`](super::all), the frontend's functions and methods, the
//! batteries.
//!
//! A macro can only be given lines that are there when it is called. So the chapters are macros too: each adds its lines
//! to those of the chapters before it and gives them back to `op_table!`, which calls the next, and the user's at the end.

mod algebra;
mod arrays;
mod elementwise;
mod image;
mod nn;
mod training;

/// THE TABLE: calls `$callback!` with one parenthesised line for each op.
///
/// - `(unary exp EXP)`, `(binary add ADD)`: operands only;
/// - `(reduce reduce_sum REDUCE_SUM sum)`: attributes `axes` and `keepdims`; the last word is NumPy's short name; further
///   attributes in brackets;
/// - `(op name STATIC [operands] [attribute: Kind, …])`: one result. Kinds as [`AttrKind`](crate::graph::opdef::AttrKind);
///   with `Opt` in front if the attribute may be left out;
/// - `(multi …)`: as `op`, with several results;
/// - `(variadic name STATIC [attributes])`: any number of operands; `(variadic_multi …)`: and of results;
/// - `(internal name STATIC)`: not for users.
#[macro_export]
macro_rules! for_each_op {
    ($($callback:ident)::+) => {
        $crate::op_table! {
            [$($callback)::+] [elementwise_ops array_ops algebra_ops nn_ops image_ops training_ops]
            (internal parameter PARAMETER)
            (internal constant CONSTANT)
            (internal size_of SIZE_OF)
            (internal host_call HOST_CALL)
            (op iota IOTA [] [dtype: DType, dims: Dims, axis: OptInt])
        }
    };
}

/// `[callback] [chapters to come] lines so far`.
#[doc(hidden)]
#[macro_export]
macro_rules! op_table {
    ([$($callback:ident)::+] [] $($line:tt)*) => {
        $($callback)::+! { $($line)* }
    };
    ($callback:tt [$chapter:ident $($later:ident)*] $($line:tt)*) => {
        $crate::$chapter! { $callback [$($later)*] $($line)* }
    };
}
