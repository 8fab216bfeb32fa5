/**
 * Problems to try networks on: generated exactly, or in every Java. Each brings a model that suits
 * it, data to learn from, and a way to judge.
 */
@NullMarked
package dev.sequor.task;

import org.jspecify.annotations.NullMarked;
