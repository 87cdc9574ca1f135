use tracelift as tl;
use tl::prelude::*;

struct Settings {
    rate: f32,
}

#[function]
fn scale(x: &Tensor, settings: &Settings) -> Tensor {
    x * settings.rate
}

fn main() {
    scale(&constant(1.0), &Settings { rate: 2.0 });
}
