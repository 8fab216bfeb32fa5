package com.example.programs;

/** Which sequences of brackets are balanced. */
class Balance {
  private Balance() {}

  /** 1 if each 1 closes a 0 before it and none is left open, else 0. */
  static int of(int[] brackets) {
    int open = 0;
    for (int bracket : brackets) {
      open += bracket == 0 ? 1 : -1;
      if (open < 0) {
        return 0;
      }
    }
    return open == 0 ? 1 : 0;
  }
}
