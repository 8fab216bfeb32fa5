/**
 * The recurrent cells in their plainest form and double precision: what every backend is measured
 * against. Nothing here is fast, and nothing is shared with the library but the shapes, the
 * parameter layout and the random bits.
 */
@NullMarked
package dev.sequor.reference;

import org.jspecify.annotations.NullMarked;
