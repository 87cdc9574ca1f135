use tracelift as tl;
use tl::prelude::*;

#[derive(Layer)]
struct Model {
    weight: Variable,
    #[layer(ignore)]
    name: String,
}

fn main() {
    let _ = Model { weight: Variable::new(0.0), name: String::new() };
}
