package dev.sequor.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The numbers that an option takes, as an interval: {@code [1,100]}, {@code (0,1)} without its
 * ends, {@code [0,)} up to the largest finite number of the type. Every option that is a number has
 * one; {@link NumberRange} holds it before the command runs.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
@interface Range {
  /** The interval. */
  String value();
}
