//! Custom ops inside `#[function]`s with names: what cannot be saved says so.

use std::sync::LazyLock;
use tracelift as tl;
use tracelift::prelude::*;

static DOUBLE: LazyLock<tl::CustomOp> = LazyLock::new(|| {
    tl::CustomOp::new("double", |operands| Ok(vec![&operands[0] * 2.0])).with_vjp(|_, _, g| vec![Some(&g[0] * 2.0)])
});

#[tl::function]
fn doubled(x: &Tensor) -> Tensor {
    DOUBLE.call(&[x])[0].clone() + 1.0
}

#[test]
fn a_function_that_calls_one_runs_but_is_not_saved() {
    let x = tl::constant([1.0, 2.0]);
    assert_eq!(doubled(&x), tl::constant([3.0, 5.0]));
    let path = std::env::temp_dir().join(format!("tracelift-custom-op-{}.tl", std::process::id()));
    let error = doubled::save(&path).unwrap_err().to_string();
    assert!(error.contains("it calls a custom op of this process"), "{error}");
    assert!(!path.exists());
}
