use tracelift as tl;
use tl::prelude::*;

fn main() {
    let x = Variable::new(3.0);
    let tape = GradientTape::new();
    let y = &x * &x;
    let first = tape.gradient(&y, &x);
    let second = tape.gradient(&y, &x);
    println!("{first} {second}");
}
