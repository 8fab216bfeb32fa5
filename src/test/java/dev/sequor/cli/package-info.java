/** Runs the program as its users do. */
@org.jspecify.annotations.NullMarked
package dev.sequor.cli;
