// The work that streams and graphs are made of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "execution.h"
#include "machine.h"

namespace simulator {

class KernelLaunch : public Operation {
 public:
  // Copies the parameters, as a launch does.
  KernelLaunch(const Launch& launch, void** parameters);
  bool advance(Context& context) override;

 private:
  std::string who() const;
  std::string who(size_t argument) const;

  Launch launch_;
  std::vector<char> values_;
};

enum class Side { kHost, kDevice };

class Copy : public Operation {
 public:
  struct End {
    Side side;
    uintptr_t address;
    int device;  // that a device address must belong to
  };
  Copy(const char* call, End to, End from, size_t bytes) : call_(call), to_(to), from_(from), bytes_(bytes) {}
  // Takes the bytes at the source now: what happens to it later does not matter.
  void stage();
  bool advance(Context& context) override;

 private:
  const char* call_;
  End to_, from_;
  size_t bytes_;
  std::vector<char> staged_;
};

class Fill : public Operation {
 public:
  // unit: 1, 2 or 4 bytes of the value, repeated.
  Fill(const char* call, uintptr_t address, uint32_t value, size_t unit, size_t count)
      : call_(call), address_(address), value_(value), unit_(unit), count_(count) {}
  bool advance(Context& context) override;

 private:
  const char* call_;
  uintptr_t address_;
  uint32_t value_;
  size_t unit_, count_;
};

class Record : public Operation {
 public:
  Record(std::shared_ptr<Event> event, uint64_t ticket) : event_(std::move(event)), ticket_(ticket) {}
  bool advance(Context& context) override;
  bool survives_failure() const override { return true; }

 private:
  std::shared_ptr<Event> event_;
  uint64_t ticket_;
};

class WaitFor : public Operation {
 public:
  WaitFor(std::shared_ptr<Event> event, uint64_t ticket) : event_(std::move(event)), ticket_(ticket) {}
  bool ready() const override { return event_->completed >= ticket_; }
  bool advance(Context&) override { return true; }
  bool survives_failure() const override { return true; }

 private:
  std::shared_ptr<Event> event_;
  uint64_t ticket_;
};

class Release : public Operation {
 public:
  explicit Release(uintptr_t address) : address_(address) {}
  bool advance(Context& context) override;

 private:
  uintptr_t address_;
};

// Frees device memory now.
void release_device_memory(uintptr_t address);

}  // namespace simulator
