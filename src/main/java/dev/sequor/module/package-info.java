/**
 * What a network is made of: modules, which are values, their composition, and the passes that they
 * become when they are bound to a backend and a shape.
 */
@NullMarked
package dev.sequor.module;

import org.jspecify.annotations.NullMarked;
