use tl::prelude::*;
use tracelift as tl;

#[derive(Tree, Clone, Copy)]
union Bits {
    float: f32,
    int: u32,
}

fn main() {}
