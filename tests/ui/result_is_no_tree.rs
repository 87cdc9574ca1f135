use tracelift as tl;
use tl::prelude::*;

struct Answer(Tensor);

#[function]
fn wrap(x: &Tensor) -> Answer {
    Answer(x.clone())
}

fn main() {
    wrap(&constant(1.0)).0;
}
