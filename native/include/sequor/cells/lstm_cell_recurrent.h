// LSTM whose gates see the cell state where they usually see h:
//   a = wx + rc, with wx = W·x + bW and rc = R·c + bR; everything else as in lstm.h
#pragma once

#include "sequor/cells/lstm.h"

namespace sequor {

struct LstmCellRecurrent : Lstm {
  static constexpr int kRecurrentState = 1;
};

}  // namespace sequor
