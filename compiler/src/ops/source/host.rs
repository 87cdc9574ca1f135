//! Ops of the user's own: [`HOST_CALL`] calls a kernel that is registered in this process.

use crate::ops::entry::*;
use tracelift_runtime::kernels::library::host;

/// A custom op.
pub static HOST_CALL: OpDef = OpDef {
    name: "host_call",
    doc: "The results of the custom op that is registered in this process under the number `op`. Sizes must be known when \
          it is traced.",
    inputs: Operands::Variadic { name: "values", least: 0 },
    attrs: &[required("op", AttrKind::Int)],
    spec: |c| {
        let op = host::find(number(c.attrs))?;
        let known = |spec: &TensorSpec| {
            let shape = spec.const_shape().ok_or_else(|| {
                infer::wrong(Kind::Shape, format_args!("operands of known sizes for custom op `{}`", op.name), spec)
            })?;
            Ok((spec.dtype, shape))
        };
        let operands = c.inputs.iter().map(known).collect::<Result<Vec<_>>>()?;
        let results = op.promise(&operands)?;
        Ok(results.into_iter().map(|(dtype, shape)| TensorSpec::new(dtype, shape)).collect())
    },
    grad: Grad::None("that of a custom op is its vjp, which tapes apply"),
    lower: Lower::Library(|c, _| Ok(LibraryCall { routine: host::ROUTINE, params: vec![number(c.attrs).into()] })),
    eval: |c| host::find(number(c.attrs))?.call(c.inputs),
    domain: Domain::Special("frontend/src/custom_op.rs"),
    ..BASE
};

fn number(attrs: &Attrs) -> i64 {
    attrs.int("op").unwrap_or(-1)
}
