/** A browser without a window, and what a page must be in it. */
@org.jspecify.annotations.NullMarked
package dev.sequor.browser;
