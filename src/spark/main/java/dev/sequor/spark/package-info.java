/** Training and scoring on a cluster of Apache Spark: SparkTrainer and SparkScorer. */
@NullMarked
package dev.sequor.spark;

import org.jspecify.annotations.NullMarked;
