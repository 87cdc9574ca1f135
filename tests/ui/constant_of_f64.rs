use tracelift as tl;
use tl::prelude::*;

fn main() {
    let data: Vec<f64> = vec![1.0, 2.0];
    let x = constant(data);
    println!("{x}");
}
