/**
 * The backend in plain Java: float arrays, loops that the JVM's compiler turns into vector code,
 * and a thread team. For machines without a compiler or a supported processor.
 */
@NullMarked
package dev.sequor.backend.java;

import org.jspecify.annotations.NullMarked;
