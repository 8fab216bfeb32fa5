/**
 * Native libraries on their way from the class path into the process, for every backend that has
 * some.
 *
 * <p>What is loaded is what was shipped: each library is unpacked into a new folder that nobody
 * else can write to, its SHA-256 is compared with the one recorded when it was built (or when a
 * dependency's version was chosen), it is loaded, and the folder goes at once. Nothing is kept from
 * one process to the next, so there is no cache that could be changed.
 */
@NullMarked
package dev.sequor.backend.natives;

import org.jspecify.annotations.NullMarked;
