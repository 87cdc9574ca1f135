//! The digits: read, split, shuffled, cut into batches. Start with [`Digits::load`].

use flate2::read::GzDecoder;
use std::io::{BufRead, BufReader};
use tl::prelude::*;
use tracelift as tl;

const PIXELS: usize = 64;

/// Images and what they show.
pub struct Digits {
    /// f32[n, 64], from 0 to 1.
    pub x: Tensor,
    /// i32[n]
    pub y: Tensor,
}

impl Digits {
    /// Those in this folder.
    pub fn load() -> Result<Digits, Box<dyn std::error::Error>> {
        let lines = BufReader::new(GzDecoder::new(&include_bytes!("digits.csv.gz")[..])).lines();
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for (number, line) in lines.enumerate() {
            let line = line?;
            let numbers = line.split(',').map(str::parse).collect::<Result<Vec<i32>, _>>()?;
            let [image @ .., label] = numbers.as_slice() else { continue };
            if image.len() != PIXELS || !(0..10).contains(label) {
                return Err(format!("digits.csv.gz, line {}: expected 64 pixels and a digit", number + 1).into());
            }
            pixels.extend(image.iter().map(|&p| p as f32 / 16.0));
            labels.push(*label);
        }
        let x = Tensor::from(pixels).reshape([labels.len(), PIXELS]);
        Ok(Digits { x, y: Tensor::from(labels) })
    }

    pub fn len(&self) -> usize {
        self.y.len()
    }

    pub fn labels(&self) -> Vec<i32> {
        self.y.to_vec()
    }

    /// In random order: those to learn from, and one in `parts` held out.
    pub fn split(&self, parts: usize) -> (Digits, Digits) {
        let order = self.random_order();
        let (held_out, train) = order.split_at(self.len() / parts);
        (self.pick(train), self.pick(held_out))
    }

    /// Every digit once, in random order; the last batch holds what is left.
    pub fn shuffled_batches(&self, size: usize) -> impl Iterator<Item = (Tensor, Tensor)> {
        let batches: Vec<_> = self.random_order().chunks(size).map(|batch| self.pick(batch)).collect();
        batches.into_iter().map(|digits| (digits.x, digits.y))
    }

    fn random_order(&self) -> Vec<i32> {
        tl::random::shuffle(Tensor::from((0..self.len() as i32).collect::<Vec<_>>())).to_vec()
    }

    fn pick(&self, places: &[i32]) -> Digits {
        let places = Tensor::from(places.to_vec());
        Digits { x: self.x.gather(&places), y: self.y.gather(&places) }
    }
}
