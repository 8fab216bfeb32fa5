package dev.sequor.spark;

import dev.sequor.data.Values;
import dev.sequor.serve.Predictor;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.jspecify.annotations.Nullable;

/**
 * Adds what a model says to the rows of a partition.
 *
 * @param predictor of the model
 * @param input the column with the sequences
 * @param inputIndex of it
 * @param idIndex of the column that names rows; negative for none
 * @param handleInvalid {@code error}, {@code skip} or {@code keep}
 * @param stepWidth outputs of a step; 0 if the model has one output a sequence
 * @param predicts whether a class is added
 */
record ScoringTask(
    SharedPredictor predictor,
    InputColumn input,
    int inputIndex,
    int idIndex,
    String handleInvalid,
    int stepWidth,
    boolean predicts)
    implements MapPartitionsFunction<Row, Row> {

  @Override
  public Iterator<Row> call(Iterator<Row> rows) throws Exception {
    return new Scored(rows, predictor.borrow());
  }

  /** A row on its way through the model. */
  private record Asked(Row row, @Nullable CompletableFuture<float[]> answer) {}

  /** Asks ahead, so that there is always a whole batch, and answers in the order of the rows. */
  private final class Scored implements Iterator<Row> {
    private final Iterator<Row> rows;
    private final ExecutorCache.Loan<Predictor> predictor;
    private final Deque<Asked> asked = new ArrayDeque<>();
    private final int ahead = 4 * ScoringTask.this.predictor.maxBatch();
    private long number;

    Scored(Iterator<Row> rows, ExecutorCache.Loan<Predictor> predictor) {
      this.rows = rows;
      this.predictor = predictor;
    }

    @Override
    public boolean hasNext() {
      while (asked.size() < ahead && rows.hasNext()) {
        ask(rows.next());
      }
      if (asked.isEmpty()) {
        predictor.close();
        return false;
      }
      return true;
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException("all rows of the partition have been scored");
      }
      Asked first = asked.removeFirst();
      return answered(first);
    }

    private void ask(Row row) {
      long own = number++;
      CompletableFuture<float[]> answer;
      try {
        Values values = input.read(new RowName(row, own), row.get(inputIndex)).values();
        answer =
            values instanceof Values.Tokens tokens
                ? predictor.get().submit(tokens.ids())
                : predictor.get().submit(((Values.Reals) values).values());
      } catch (IllegalArgumentException e) {
        switch (handleInvalid) {
          case "skip" -> {}
          case "keep" -> asked.addLast(new Asked(row, null));
          default -> throw e;
        }
        return;
      }
      asked.addLast(new Asked(row, answer));
    }

    private Row answered(Asked one) {
      float @Nullable [] outputs = null;
      if (one.answer() != null) {
        try {
          outputs = one.answer().join();
        } catch (CompletionException e) {
          predictor.dismiss(); // The next attempt gets a new one.
          if (e.getCause() instanceof RuntimeException cause) {
            throw cause;
          }
          throw e;
        }
      }
      Row row = one.row();
      @Nullable Object[] cells = new Object[row.size() + (predicts ? 2 : 1)];
      for (int i = 0; i < row.size(); i++) {
        cells[i] = row.get(i);
      }
      if (outputs != null) {
        cells[row.size()] = stepWidth > 0 ? ofSteps(outputs) : boxed(outputs, 0, outputs.length);
        if (predicts) {
          cells[row.size() + 1] = (double) largest(outputs);
        }
      }
      return RowFactory.create(cells);
    }

    private Object[] ofSteps(float[] outputs) {
      Object[] steps = new Object[outputs.length / stepWidth];
      for (int t = 0; t < steps.length; t++) {
        steps[t] = boxed(outputs, t * stepWidth, stepWidth);
      }
      return steps;
    }
  }

  /** What a row is called where it is refused. */
  private final class RowName {
    private final Row row;
    private final long number;

    RowName(Row row, long number) {
      this.row = row;
      this.number = number;
    }

    @Override
    public String toString() {
      if (idIndex >= 0) {
        return "row with id " + row.get(idIndex);
      }
      TaskContext task = TaskContext.get();
      return "row " + number + " of partition " + (task == null ? 0 : task.partitionId());
    }
  }

  private static Float[] boxed(float[] values, int from, int count) {
    Float[] boxed = new Float[count];
    for (int i = 0; i < count; i++) {
      boxed[i] = values[from + i];
    }
    return boxed;
  }

  private static int largest(float[] values) {
    int largest = 0;
    for (int i = 1; i < values.length; i++) {
      largest = values[i] > values[largest] ? i : largest;
    }
    return largest;
  }
}
