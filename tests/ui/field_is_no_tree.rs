use tracelift as tl;
use tl::prelude::*;

struct Opaque;

#[derive(Layer)]
struct Model {
    weight: Variable,
    cache: Opaque,
}

fn main() {
    let _ = Model { weight: Variable::new(0.0), cache: Opaque };
}
