/**
 * What backends that compute in host memory share: stacks composed from single layers, and the
 * order in which the rows of a padded batch are worked through.
 */
@NullMarked
package dev.sequor.backend.host;

import org.jspecify.annotations.NullMarked;
