use tracelift as tl;
use tl::prelude::*;

fn main() {
    let lr: f32 = 0.1;
    let x = constant(1.0);
    println!("{}", lr * &x);
}
