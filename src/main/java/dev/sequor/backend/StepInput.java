package dev.sequor.backend;

import java.nio.ByteBuffer;

/**
 * Data that a step starts from.
 *
 * @param source direct, native order; its remaining bytes are copied when the step is queued
 * @param target to whose start they go
 */
public record StepInput(ByteBuffer source, Buffer target) {}
