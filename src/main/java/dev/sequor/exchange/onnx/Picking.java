package dev.sequor.exchange.onnx;

import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.onnx.Value.Ends;
import dev.sequor.exchange.onnx.Value.Given;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.exchange.onnx.Value.Known;
import dev.sequor.exchange.onnx.Value.Numbering;
import dev.sequor.exchange.onnx.Value.Sizes;
import dev.sequor.exchange.onnx.Value.Sorted;
import dev.sequor.exchange.onnx.Value.Sorting;
import dev.sequor.module.Columns;
import dev.sequor.module.Concatenation;
import dev.sequor.module.Embedding;
import dev.sequor.module.Module;
import dev.sequor.module.OneHot;
import dev.sequor.module.Recurrent;
import dev.sequor.module.Reverse;
import dev.sequor.module.StateVectors;
import dev.sequor.module.TimeStep;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Operators that take parts of tensors, or put tensors side by side. */
final class Picking {
  private Picking() {}

  static void addTo(Map<String, Operator> operators) {
    operators.put("Gather", Picking::gather);
    operators.put("Slice", Picking::slice);
    operators.put("Split", Picking::split);
    operators.put("Concat", Picking::concat);
    operators.put("Pad", Picking::pad);
    operators.put("OneHot", Picking::oneHot);
    operators.put("TopK", Picking::topK);
    operators.put("ScatterElements", Picking::scatter);
  }

  // ---- gather -----------------------------------------------------------------------------------

  private static void gather(OnnxNode node, Translation to) {
    Value data = to.input(node, 0);
    Value indices = to.input(node, 1);
    int axis = Translation.dimension(node.integer("axis", 0), data.shape().size());
    if (data instanceof Known known && indices instanceof Given given && axis == 0) {
      to.output(node, embedding(to, known, given));
      return;
    }
    if (indices instanceof Sorted sorted && data instanceof Grid grid) {
      to.output(node, sorted(grid, axis, sorted));
      return;
    }
    Sizes places = to.asSizes(indices);
    if (data instanceof Sizes sizes && places != null) {
      to.room.take((long) Allowance.EACH_SIZE * places.sizes().size());
      List<Size> picked = new ArrayList<>();
      for (Size place : places.sizes()) {
        picked.add(sizes.sizes().get(index(place, sizes.sizes().size())));
      }
      to.output(node, new Sizes(picked, places.isScalar()));
      return;
    }
    if (places == null) {
      throw new IllegalArgumentException(
          "picks of "
              + Translation.describe(data)
              + " by "
              + Translation.describe(indices)
              + ", which is not supported");
    }
    Size size = data.shape().get(axis);
    int[] chosen = new int[places.sizes().size()];
    for (int i = 0; i < chosen.length; i++) {
      chosen[i] = size.isKnown() ? index(places.sizes().get(i), size.count()) : 0;
    }
    if (data instanceof Grid grid && !size.isKnown()) {
      to.output(node, step(to, grid, axis, places));
      return;
    }
    Value picked = select(to, data, axis, chosen);
    if (places.isScalar()) {
      boolean[] drop = new boolean[picked.shape().size()];
      drop[axis] = true;
      picked = Shaping.squeezed(to, picked, drop);
    }
    to.output(node, picked);
  }

  private static int index(Size place, int size) {
    if (!place.isKnown()) {
      throw new IllegalArgumentException("picks number " + place + ", which is not known before");
    }
    long index = place.factor() < 0 ? place.factor() + size : place.factor();
    if (index < 0 || index >= size) {
      throw new IllegalArgumentException("picks number " + place + " of " + size);
    }
    return (int) index;
  }

  private static void oneHot(OnnxNode node, Translation to) {
    Value indices = to.input(node, 0);
    int[] depth = to.integers(node, 1);
    Numbers ends = to.known(node, 2);
    int rank = indices.shape().size();
    int axis = Translation.dimension(node.integer("axis", -1), rank + 1);
    boolean zeroAndOne =
        ends.elements() == 2 && last(ends, 0) == 0 && last(ends, 1) == 1 && depth.length == 1;
    if (!(indices instanceof Given given) || axis != rank || !zeroAndOne || depth[0] < 1) {
      throw new IllegalArgumentException(
          "makes one-hot vectors of "
              + Translation.describe(indices)
              + "; supported are those of an input, of zeros and a one, along the last dimension");
    }
    to.output(node, oneHot(to, given, depth[0]));
  }

  /** Tokens compared with all numbers from 0 on; null if it is something else. */
  static @Nullable Grid oneHot(Translation to, Value tokens, Value numbers) {
    if (!(tokens instanceof Given given)
        || given.dims().isEmpty()
        || !given.dims().get(given.dims().size() - 1).isEmpty()) {
      return null;
    }
    Sizes all = to.asSizes(numbers);
    if (all == null) {
      return null;
    }
    int count = all.sizes().size();
    for (int i = 0; i < count; i++) {
      if (!all.sizes().get(i).equals(Size.of(i))) {
        return null;
      }
    }
    Given inner = new Given(given.input(), given.dims().subList(0, given.dims().size() - 1));
    return oneHot(to, inner, count);
  }

  private static Grid oneHot(Translation to, Given tokens, int count) {
    Grid grid = ofTokens(to, tokens, count, "one_hot", new OneHot(count), List.of());
    to.whole.add(grid.value());
    return grid;
  }

  private static double last(Numbers numbers, int i) {
    return numbers.isReal() ? numbers.reals()[i] : numbers.integers()[i];
  }

  private static Grid embedding(Translation to, Known table, Given given) {
    if (!table.isWhole() || table.numbers().rank() != 2) {
      throw new IllegalArgumentException(
          "picks rows of " + Translation.describe(table) + "; needed a matrix");
    }
    int[] dims = table.numbers().dims();
    return ofTokens(
        to,
        given,
        dims[0],
        to.nodeName(table.numbers(), "embedding"),
        new Embedding(dims[0], dims[1]),
        List.of(Weights.of(table.numbers().reals())));
  }

  /** What a module makes of tokens, the last dimension its columns. */
  private static Grid ofTokens(
      Translation to,
      Given given,
      int vocabularySize,
      String name,
      Module module,
      List<Weights> weights) {
    for (Atom atom : given.dims().stream().flatMap(List::stream).toList()) {
      if (atom.isColumns()) {
        if (atom.origin == null) {
          throw new IllegalArgumentException(
              "reads tokens of the sizes " + Grid.sizes(given.dims()) + ", which is not supported");
        }
        throw new Reconsider(atom.origin, Kind.STEPS, atom.size, given.input());
      }
    }
    String tokens = to.tokens(given, vocabularySize);
    String value = to.draft.add(name, module, List.of(tokens), weights);
    boolean hasSteps =
        given.dims().stream().flatMap(List::stream).anyMatch(a -> a.kind == Kind.STEPS);
    if (hasSteps) {
      to.zeroAtEnds.add(value);
    } else {
      value = to.draft.add("step", new TimeStep(0), value);
    }
    Atom width = Atom.columns(to.draft.shape(value).width());
    List<List<Atom>> all = new ArrayList<>(given.dims());
    all.add(List.of(width));
    return Grid.of(value, List.of(width), all);
  }

  private static Grid sorted(Grid grid, int axis, Sorted sorted) {
    List<Atom> parts = grid.dims().get(axis);
    if (parts.size() == 1 && parts.get(0).kind != Kind.BATCH && parts.get(0).origin != null) {
      throw new Reconsider(parts.get(0).origin, Kind.BATCH, 0, "");
    }
    boolean isBatch = parts.size() == 1 && parts.get(0).kind == Kind.BATCH;
    if (isBatch && sorted.what() == Sorting.SEQUENCES && grid.sortedBy() == null) {
      return grid.sortedBy(sorted.lengths());
    }
    if (isBatch && sorted.what() == Sorting.PLACES && sorted.lengths().equals(grid.sortedBy())) {
      return grid.sortedBy(null);
    }
    throw new IllegalArgumentException(
        "orders " + grid + " along dimension " + axis + ", which is not supported");
  }

  /** A step of which it is not known how many there are. */
  private static Value step(Translation to, Grid grid, int axis, Sizes places) {
    List<Atom> parts = grid.dims().get(axis);
    Atom atom = parts.size() == 1 ? parts.get(0) : null;
    if (atom == null || places.sizes().size() != 1 || !places.sizes().get(0).isKnown()) {
      throw new IllegalArgumentException(
          "picks "
              + places.sizes()
              + " of dimension "
              + axis
              + " of "
              + grid
              + ", which is not supported");
    }
    if (atom.kind != Kind.STEPS) {
      if (atom.origin == null) {
        throw new IllegalArgumentException("picks single sequences, which is not supported");
      }
      throw new Reconsider(atom.origin, Kind.STEPS, 0, atom.origin.input());
    }
    long step = places.sizes().get(0).factor();
    if (step != (int) step) {
      throw new IllegalArgumentException("picks time step " + step + "; needed one of 32 bits");
    }
    String value = to.draft.add("step", new TimeStep((int) step), grid.value());
    List<List<Atom>> dims = new ArrayList<>(grid.dims());
    if (places.isScalar()) {
      dims.remove(axis);
    } else {
      dims.set(axis, List.of());
    }
    return grid.with(value, grid.columns(), dims);
  }

  /** The elements at these places of a dimension whose size is known. */
  private static Value select(Translation to, Value data, int axis, int[] places) {
    if (data instanceof Known known) {
      int[] dims = known.numbers().dims();
      List<Size> shape = new ArrayList<>(known.shape());
      shape.set(axis, Size.of(places.length));
      return new Known(
          dims[axis] == 1 ? known.numbers() : known.numbers().select(to.room, axis, places), shape);
    }
    if (data instanceof Grid grid && !grid.likeliest()) {
      return select(to, grid, axis, places);
    }
    if (data instanceof Ends ends) {
      return new Ends(select(to, ends.grid(), axis, places));
    }
    throw new IllegalArgumentException(
        "picks of " + Translation.describe(data) + ", which is not supported");
  }

  private static Grid select(Translation to, Grid given, int axis, int[] places) {
    boolean all = Grid.size(given.dims().get(axis)).equals(Size.of(places.length));
    for (int i = 0; i < places.length; i++) {
      all &= places[i] == i;
    }
    if (all) {
      return given;
    }
    Grid grid = given;
    for (Atom atom : given.dims().get(axis)) {
      if (atom.kind == Kind.BATCH) {
        if (atom.origin == null) {
          throw new IllegalArgumentException("picks single sequences, which is not supported");
        }
        throw new Reconsider(atom.origin, Kind.STEPS, atom.size, atom.origin.input());
      }
      if (atom.kind == Kind.STEPS) {
        if (places.length == 1 && given.dims().get(axis).size() == 1) {
          List<List<Atom>> dims = new ArrayList<>(given.dims());
          dims.set(axis, List.of());
          String value = to.draft.add("step", new TimeStep(places[0]), given.value());
          return given.with(value, given.columns(), dims);
        }
        grid = to.stepsAsColumns(grid);
      }
    }
    List<Atom> parts = grid.dims().get(axis);
    grid = to.outermost(grid, parts);
    int inner = grid.width() / Grid.width(parts);
    long wide = (long) places.length * inner;
    to.room.take(wide);
    int[] columns = new int[(int) wide];
    for (int i = 0; i < columns.length; i++) {
      columns[i] = places[i / inner] * inner + i % inner;
    }
    Atom now = Atom.columns(places.length);
    List<Atom> atoms = new ArrayList<>(List.of(now));
    atoms.addAll(grid.columns().subList(parts.size(), grid.columns().size()));
    List<List<Atom>> dims = new ArrayList<>(grid.dims());
    dims.set(axis, List.of(now));
    return to.columns(grid, columns, atoms, dims);
  }

  // ---- slice and split --------------------------------------------------------------------------

  private static void slice(OnnxNode node, Translation to) {
    Value data = to.input(node, 0);
    int rank = data.shape().size();
    List<Size> starts;
    List<Size> ends;
    @Nullable List<Size> axes = null;
    @Nullable List<Size> steps = null;
    @Nullable List<Long> given = node.integers("starts");
    if (given != null) {
      starts = given.stream().map(Size::of).toList();
      @Nullable List<Long> until = node.integers("ends");
      ends = until == null ? List.of() : until.stream().map(Size::of).toList();
      @Nullable List<Long> which = node.integers("axes");
      axes = which == null ? null : which.stream().map(Size::of).toList();
    } else {
      starts = to.sizes(node, 1);
      ends = to.sizes(node, 2);
      axes = to.optional(node, 3) == null ? null : to.sizes(node, 3);
      steps = to.optional(node, 4) == null ? null : to.sizes(node, 4);
    }
    int count = starts.size();
    if (ends.size() != count
        || (axes != null && axes.size() != count)
        || (steps != null && steps.size() != count)) {
      throw new IllegalArgumentException(
          "has "
              + count
              + " starts, the ends "
              + ends
              + ", the axes "
              + axes
              + " and the steps "
              + steps
              + "; needed as many of each");
    }
    Value result = data;
    for (int i = 0; i < count; i++) {
      long axis = axes == null ? i : known(axes.get(i), "an axis");
      long step = steps == null ? 1 : known(steps.get(i), "a step");
      int d = Translation.dimension(axis, rank);
      result = sliced(to, result, d, starts.get(i), ends.get(i), step);
    }
    to.output(node, result);
  }

  private static long known(Size size, String what) {
    if (!size.isKnown()) {
      throw new IllegalArgumentException(what + " is " + size + ", which is not known before");
    }
    return size.factor();
  }

  private static Value sliced(
      Translation to, Value data, int axis, Size start, Size end, long step) {
    Size size = data.shape().get(axis);
    boolean fromStart = start.equals(Size.of(0));
    boolean toEnd = end.equals(size) || (end.isKnown() && end.factor() >= Integer.MAX_VALUE);
    if (step == 1 && fromStart && toEnd) {
      return data;
    }
    if (!size.isKnown()) {
      return ofAnyNumber(to, data, axis, start, end, step);
    }
    int count = size.count();
    long first = known(start, "the start");
    long last = end.equals(size) ? count : known(end, "the end");
    if (step == 0) {
      throw new IllegalArgumentException("goes in steps of 0");
    }
    first = first < 0 ? first + count : first;
    last = last < 0 && last > -Integer.MAX_VALUE ? last + count : last;
    first = Math.max(step > 0 ? 0 : -1, Math.min(step > 0 ? count : count - 1L, first));
    last = Math.max(step > 0 ? 0 : -1, Math.min(count, last));
    to.room.take(Math.abs(last - first) / Math.max(1, Math.abs(step)) * Allowance.EACH_SIZE);
    List<Integer> places = new ArrayList<>();
    for (long i = first; step > 0 ? i < last : i > last; i += step) {
      places.add((int) i);
    }
    if (data instanceof Sizes sizes) {
      return new Sizes(places.stream().map(sizes.sizes()::get).toList(), false);
    }
    if (places.isEmpty()) {
      throw new IllegalArgumentException("takes nothing of dimension " + axis);
    }
    return select(to, data, axis, places.stream().mapToInt(Integer::intValue).toArray());
  }

  /** One step, or all of them backwards. */
  private static Value ofAnyNumber(
      Translation to, Value data, int axis, Size start, Size end, long step) {
    boolean known = start.isKnown() && end.isKnown();
    long from = known ? start.factor() : 0;
    long until = known ? end.factor() : 0;
    if (data instanceof Grid grid && known && step == 1) {
      boolean isLast = from == -1 && until >= Integer.MAX_VALUE;
      boolean sameSide = from >= 0 || until < 0;
      boolean isOne = isLast || (sameSide && until == from + 1);
      if (isOne) {
        return step(to, grid, axis, new Sizes(List.of(Size.of(from)), false));
      }
    }
    boolean isBackwards = known && step == -1 && from == -1 && until <= -Integer.MAX_VALUE;
    if (data instanceof Known && isBackwards) {
      return data; // the same numbers at each step
    }
    if (data instanceof Grid grid && isBackwards) {
      List<Atom> parts = grid.dims().get(axis);
      Atom atom = parts.size() == 1 ? parts.get(0) : null;
      if (atom != null && atom.kind == Kind.STEPS && !to.hasLengths(atom)) {
        String value = to.draft.add("reverse", new Reverse(), grid.value());
        to.zeroAtEnds.add(value);
        return grid.with(value);
      }
    }
    throw new IllegalArgumentException(
        "takes "
            + start
            + " to "
            + end
            + " of dimension "
            + axis
            + " of "
            + Translation.describe(data)
            + ", which is not supported");
  }

  private static void split(OnnxNode node, Translation to) {
    Value data = to.input(node, 0);
    int axis = Translation.dimension(node.integer("axis", 0), data.shape().size());
    long total = known(data.shape().get(axis), "the size of dimension " + axis);
    int @Nullable [] given = node.counts("split");
    int outputs = node.outputs().size();
    int[] sizes;
    if (given != null) {
      sizes = given;
    } else if (to.optional(node, 1) != null) {
      sizes = to.integers(node, 1);
    } else {
      int each = (int) ((total + outputs - 1) / outputs);
      if (node.integer("num_outputs", outputs) != outputs) {
        throw new IllegalArgumentException(
            "attribute 'num_outputs' is "
                + node.integer("num_outputs", outputs)
                + "; needed the number of outputs, "
                + outputs);
      }
      sizes = new int[outputs];
      Arrays.fill(sizes, each);
      sizes[outputs - 1] = (int) total - each * (outputs - 1);
    }
    if (sizes.length != outputs || IntStream.of(sizes).asLongStream().sum() != total) {
      throw new IllegalArgumentException(
          "splits " + total + " into " + Arrays.toString(sizes) + " for " + outputs + " outputs");
    }
    to.room.take(total * Allowance.EACH_SIZE);
    int first = 0;
    for (int i = 0; i < outputs; i++) {
      int from = first;
      if (sizes[i] < 1) {
        throw new IllegalArgumentException("splits off " + sizes[i] + "; needed at least 1");
      }
      int[] places = IntStream.range(0, sizes[i]).map(p -> from + p).toArray();
      if (data instanceof Sizes all) {
        to.output(node, i, new Sizes(all.sizes().subList(from, from + sizes[i]), false));
      } else if (node.hasOutput(i)) {
        to.output(node, i, select(to, data, axis, places));
      }
      first += sizes[i];
    }
  }

  // ---- concat -----------------------------------------------------------------------------------

  private static void concat(OnnxNode node, Translation to) {
    List<Value> parts =
        IntStream.range(0, node.inputs().size()).mapToObj(i -> to.input(node, i)).toList();
    if (parts.isEmpty()) {
      throw new IllegalArgumentException("has no inputs; needed some");
    }
    int rank = parts.get(0).shape().size();
    int axis = Translation.dimension(node.integer("axis", 0), rank);
    for (Value part : parts) {
      if (part.shape().size() != rank) {
        throw new IllegalArgumentException(
            "puts "
                + Translation.describe(parts.get(0))
                + " and "
                + Translation.describe(part)
                + " side by side; needed as many dimensions");
      }
    }
    List<Sizes> sizes = new ArrayList<>();
    for (Value part : parts) {
      Sizes of = to.asSizes(part);
      if (of != null && !of.isScalar()) {
        sizes.add(of);
      }
    }
    if (sizes.size() == parts.size()) {
      long total = sizes.stream().mapToLong(each -> each.sizes().size()).sum();
      to.room.take(Allowance.EACH_SIZE * total);
      to.output(node, new Sizes(sizes.stream().flatMap(s -> s.sizes().stream()).toList(), false));
      return;
    }
    if (parts.stream().allMatch(Known.class::isInstance)) {
      to.output(node, ofKnown(to, parts.stream().map(Known.class::cast).toList(), axis));
      return;
    }
    if (parts.size() == 1) {
      to.output(node, parts.get(0));
      return;
    }
    boolean ofEnds = parts.stream().anyMatch(Ends.class::isInstance);
    Grid joined =
        ofGrids(
            to,
            parts.stream().map(part -> part instanceof Ends ends ? ends.grid() : part).toList(),
            axis);
    to.output(node, ofEnds ? new Ends(joined) : joined);
  }

  private static Known ofKnown(Translation to, List<Known> parts, int axis) {
    if (parts.stream().allMatch(Known::isWhole)) {
      return Known.of(
          Numbers.concatenated(to.room, parts.stream().map(Known::numbers).toList(), axis));
    }
    // Of some dimensions it is not known how many there are: the same numbers in each.
    Known first = parts.get(0);
    List<Size> shape = new ArrayList<>(first.shape());
    long along = 0;
    for (Known part : parts) {
      for (int d = 0; d < shape.size(); d++) {
        if (d != axis && !part.shape().get(d).equals(shape.get(d))) {
          throw new IllegalArgumentException(
              "puts known numbers " + shape + " and " + part.shape() + " side by side");
        }
      }
      along += known(part.shape().get(axis), "the size of dimension " + axis);
    }
    shape.set(axis, Size.of(along));
    return new Known(
        Numbers.concatenated(to.room, parts.stream().map(to::full).toList(), axis), shape);
  }

  private static Grid ofGrids(Translation to, List<Value> parts, int axis) {
    Grid example =
        (Grid)
            parts.stream()
                .filter(Grid.class::isInstance)
                .findFirst()
                .orElseThrow(
                    () ->
                        new IllegalArgumentException(
                            "puts " + Translation.describe(parts.get(0)) + " side by side"));
    List<Grid> grids = new ArrayList<>();
    for (Value part : parts) {
      grids.add(
          part instanceof Known known
              ? to.constant(known, example, axis)
              : to.grid(part, "an input"));
    }
    // All with the dimensions of the first but for the one along which they are put together.
    List<Grid> aligned = new ArrayList<>();
    long total = 0;
    for (Grid grid : grids) {
      for (Atom atom : grid.dims().get(axis)) {
        if (!atom.isColumns()) {
          if (atom.kind == Kind.STEPS && atom.size > 0) {
            grid = to.stepsAsColumns(grid);
          } else {
            throw new IllegalArgumentException(
                "puts tensors one after the other along the "
                    + (atom.kind == Kind.BATCH ? "batch" : "time axis")
                    + ", which is not supported");
          }
        }
      }
      total += Grid.width(grid.dims().get(axis));
      for (Grid other : grids) {
        grid = to.stepsAsColumnsOf(grid, other, axis);
      }
      Grid first = to.outermost(grid, grid.dims().get(axis));
      if (!aligned.isEmpty()) {
        first = to.alignedBut(first, aligned.get(0), axis);
      }
      aligned.add(first);
    }
    to.room.take(total);
    List<String> values = aligned.stream().map(Grid::value).toList();
    String value = to.draft.add("concatenation", new Concatenation(), values, List.of());
    Grid first = aligned.get(0);
    Atom joined = Atom.columns((int) total);
    List<Atom> atoms = new ArrayList<>(List.of(joined));
    int own = first.dims().get(axis).size();
    atoms.addAll(first.columns().subList(own, first.columns().size()));
    List<List<Atom>> dims = new ArrayList<>(first.dims());
    dims.set(axis, List.of(joined));
    return first.with(value, atoms, dims);
  }

  /** Zeros behind the last dimension. */
  private static void pad(OnnxNode node, Translation to) {
    Grid grid = to.grid(node, 0);
    int rank = grid.dims().size();
    int[] pads = to.integers(node, 1);
    @Nullable Value filling = to.optional(node, 2);
    int count = pads.length == 2 * rank && rank > 0 ? pads[2 * rank - 1] : 0;
    boolean isZero =
        filling == null || (filling instanceof Known known && known.numbers().isAll(0));
    boolean isBehind =
        count > 0 && Arrays.stream(pads, 0, pads.length - 1).allMatch(each -> each == 0);
    if (!isZero || !isBehind || !node.text("mode", "constant").equals("constant")) {
      throw new IllegalArgumentException(
          "pads "
              + grid
              + " by "
              + Arrays.toString(pads)
              + "; supported are zeros behind the last dimension");
    }
    @Nullable String whole = stateOfProjection(to, grid.value(), count);
    if (whole != null && grid.columns().size() == 1) {
      Atom all = Atom.columns(grid.width() + count);
      List<List<Atom>> dims = new ArrayList<>(grid.dims());
      dims.set(rank - 1, List.of(all));
      to.output(node, grid.with(whole, List.of(all), dims));
      return;
    }
    List<Size> shape = new ArrayList<>(grid.shape());
    shape.set(rank - 1, Size.of(count));
    int[] ones = new int[rank];
    Arrays.fill(ones, 1);
    Known zeros = new Known(Numbers.of(ones, new float[1]), shape);
    to.output(node, ofGrids(to, List.of(grid, zeros), rank - 1));
  }

  /** The vector of a state that has zeros behind what a projection makes; null if it is another. */
  private static @Nullable String stateOfProjection(Translation to, String value, int zeros) {
    if (!(to.draft.module(value) instanceof Columns columns)) {
      return null;
    }
    String whole = to.draft.inputsOf(value).get(0);
    if (!new StateVectors(0).equals(to.draft.module(whole))) {
      return null;
    }
    String state = to.draft.inputsOf(whole).get(0);
    return to.draft.module(state.substring(0, Math.max(0, state.indexOf('.'))))
                instanceof Recurrent recurrent
            && recurrent.stack().stateSize() + zeros == recurrent.stack().hiddenSize()
            && columns.equals(Columns.range(columns.inputWidth(), 0, recurrent.stack().stateSize()))
            && columns.inputWidth() == recurrent.stack().hiddenSize()
        ? whole
        : null;
  }

  // ---- the sorting of sequences by their lengths ------------------------------------------------

  private static void topK(OnnxNode node, Translation to) {
    Value value = to.input(node, 0);
    node.flag("sorted", true);
    boolean largest = node.flag("largest", true);
    int axis = Translation.dimension(node.integer("axis", -1), value.shape().size());
    List<Size> count = to.sizes(node, 1);
    if (value instanceof Given given
        && largest
        && axis == 0
        && given.dims().size() == 1
        && count.equals(given.shape())) {
      requireBatch(given);
      to.output(node, 0, new Sorted(given.input(), Sorting.LENGTHS));
      to.output(node, 1, new Sorted(given.input(), Sorting.SEQUENCES));
      return;
    }
    throw new IllegalArgumentException(
        "takes the largest of "
            + Translation.describe(value)
            + ", which is not supported but of"
            + " lengths, all of them");
  }

  private static void requireBatch(Given lengths) {
    Optional<Atom> atom = lengths.dims().get(0).stream().findFirst();
    if (atom.isPresent() && atom.get().kind != Kind.BATCH && atom.get().origin != null) {
      throw new Reconsider(atom.get().origin, Kind.BATCH, 0, "");
    }
  }

  private static void scatter(OnnxNode node, Translation to) {
    long axis = node.integer("axis", 0);
    String reduction = node.text("reduction", "none");
    to.input(node, 0); // of which nothing is left
    if (axis == 0
        && reduction.equals("none")
        && to.input(node, 1) instanceof Sorted sorted
        && sorted.what() == Sorting.SEQUENCES
        && to.input(node, 2) instanceof Numbering numbering
        && numbering.count().equals(Size.unknown(Translation.BATCH))) {
      to.output(node, new Sorted(sorted.lengths(), Sorting.PLACES));
      return;
    }
    throw new IllegalArgumentException(
        "scatters "
            + Translation.describe(to.input(node, 2))
            + "; supported is what puts sorted sequences back in their places");
  }
}
