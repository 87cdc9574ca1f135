//! Limits and statistics of the pool, in one process and one test because they are global.

use tracelift_runtime::alloc::{Block, memory_stats, release_idle, reset_peak, set_idle_limit, set_memory_limit};
use tracelift_runtime::error::Kind;

#[test]
fn statistics_limits_and_reuse() {
    // Statistics follow blocks.
    let before = memory_stats();
    let block = Block::new(10 << 20).unwrap();
    let size = block.size();
    assert_eq!(memory_stats().live - before.live, size);
    drop(block);
    let idle = memory_stats();
    assert_eq!(idle.live, before.live);
    assert!(idle.cached >= size && idle.peak >= before.live + size, "{idle:?}");
    reset_peak();
    assert_eq!(memory_stats().peak, memory_stats().live);

    // A repeated request is served without the system.
    for _ in 0..10 {
        drop(Block::new(10 << 20).unwrap());
    }
    assert_eq!(memory_stats().system_allocations, idle.system_allocations);

    // Idle memory is given back, on request and beyond the bound.
    release_idle();
    assert_eq!(memory_stats().cached, 0);
    set_idle_limit(8 << 20);
    let blocks: Vec<Block> = (0..8).map(|_| Block::new(4 << 20).unwrap()).collect();
    drop(blocks);
    assert!(memory_stats().cached <= 8 << 20, "{:?}", memory_stats());

    // The limit counts what is live, and idle memory makes way.
    set_memory_limit(Some(memory_stats().live + (32 << 20)));
    let first = Block::new(16 << 20).unwrap();
    let error = Block::new(20 << 20).unwrap_err();
    assert_eq!(error.kind(), Kind::Memory);
    assert!(error.message().contains("memory limit"), "{error}");
    drop(first);
    drop(Block::new(20 << 20).unwrap());
    assert!(memory_stats().live + memory_stats().cached <= memory_stats().limit);
    set_memory_limit(None);
    drop(Block::new(64 << 20).unwrap());
}
