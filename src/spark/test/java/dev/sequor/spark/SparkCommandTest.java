package dev.sequor.spark;
class SparkCommandTest {}
