package dev.sequor.spark;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Spark's broadcast among executors (its {@code TorrentBroadcast}), block by block: each executor
 * asks for the blocks in an order of its own, one at a time, from any that has it already, the
 * driver or another executor. Executors begin one after the other, as their tasks are started, so
 * that the later ones find other holders than the driver. Each machine sends one block at a time,
 * to who asked first. How long that takes depends on who happens to ask whom, for which there is no
 * closed form.
 */
final class Torrent {
  private final int executors;
  private final int blocks;
  private final double startsPerSlot;
  private final Random random;
  private final int[][] orders;
  private final int[] done;
  private final boolean[] asking;
  private final int[][] holders;
  private final int[] holderCounts;
  private final List<ArrayDeque<Integer>> queues = new ArrayList<>();

  private Torrent(int executors, int blocks, double startsPerSlot, long seed) {
    this.executors = executors;
    this.blocks = blocks;
    this.startsPerSlot = startsPerSlot;
    this.random = new Random(seed);
    this.orders = new int[executors][blocks];
    this.done = new int[executors];
    this.asking = new boolean[executors];
    this.holders = new int[blocks][executors + 1];
    this.holderCounts = new int[blocks];
    for (int[] order : orders) {
      shuffle(order);
    }
    for (int block = 0; block < blocks; block++) {
      holders[block][0] = executors; // the driver, which has all
      holderCounts[block] = 1;
    }
    for (int machine = 0; machine <= executors; machine++) {
      queues.add(new ArrayDeque<>());
    }
  }

  private void shuffle(int[] order) {
    for (int i = 0; i < order.length; i++) {
      int j = random.nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
  }

  /**
   * How long it takes from when the last executor begins until all have all, in times that a block
   * is on the network.
   *
   * @param startsPerSlot executors that begin in such a time
   * @param seed of what executors choose
   * @throws IllegalArgumentException if there is no executor, no block, or none ever begins
   */
  static int slots(int executors, int blocks, double startsPerSlot, long seed) {
    if (executors < 1 || blocks < 1 || !(startsPerSlot > 0)) {
      throw new IllegalArgumentException(
          executors
              + " executors, "
              + blocks
              + " blocks and "
              + startsPerSlot
              + " starts a slot; needed at least one, one, and more than 0");
    }
    return new Torrent(executors, blocks, startsPerSlot, seed).run();
  }

  private int run() {
    int slots = 0;
    for (long missing = (long) executors * blocks; missing > 0; slots++) {
      missing -= slot(begun(slots));
    }
    int last = 0;
    while (begun(last) < executors) {
      last++;
    }
    return slots - last;
  }

  private int begun(int slot) {
    return (int) Math.min(executors, Math.max(1, Math.floor((slot + 1) * startsPerSlot)));
  }

  /** Blocks that arrived in it. */
  private int slot(int begun) {
    for (int executor = 0; executor < begun; executor++) {
      if (!asking[executor] && done[executor] < blocks) {
        int block = orders[executor][done[executor]];
        int holder = holders[block][random.nextInt(holderCounts[block])];
        queues.get(holder).add(executor);
        asking[executor] = true;
      }
    }
    List<Integer> served = new ArrayList<>();
    for (ArrayDeque<Integer> queue : queues) {
      if (!queue.isEmpty()) {
        served.add(queue.remove());
      }
    }
    for (int executor : served) {
      int block = orders[executor][done[executor]++];
      holders[block][holderCounts[block]++] = executor;
      asking[executor] = false;
    }
    return served.size();
  }
}
