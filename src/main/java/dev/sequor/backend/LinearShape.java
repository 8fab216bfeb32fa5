package dev.sequor.backend;

/**
 * A dense layer {@code y = f(x Wᵀ + b)} over {@code rows} rows.
 *
 * @param rows {@code M}, the rows of {@code x} and {@code y}
 * @param inputSize {@code K}; {@code x [M,K]}, {@code W [N,K]}
 * @param outputSize {@code N}; {@code y [M,N]}, {@code b [N]}
 * @param activation {@code f}
 */
public record LinearShape(int rows, int inputSize, int outputSize, Activation activation) {}
