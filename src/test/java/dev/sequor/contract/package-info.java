/**
 * What every backend must do, written once against the seam; each backend adds a few lines that
 * name its provider.
 */
@NullMarked
package dev.sequor.contract;

import org.jspecify.annotations.NullMarked;
