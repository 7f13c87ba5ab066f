// SPDX-License-Identifier: BSL-1.0
// The main of a fuzzing target where no fuzzer is linked: runs it on each file that is named, as libFuzzer does with
// files. So the corpus is a test with every compiler, and a find can be replayed under any debugger.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int count, char* names[]) {
  if (count < 2) {
    std::fputs("which files? without one nothing is tested\n", stderr);
    return 2;
  }
  for (int i = 1; i < count; ++i) {
    std::ifstream file{names[i], std::ios::binary};
    if (!file) {
      std::fprintf(stderr, "cannot be read: %s\n", names[i]);
      return 2;
    }
    const std::vector<char> bytes{std::istreambuf_iterator<char>{file}, {}};
    std::fprintf(stderr, "%s\n", names[i]);  // before it runs: the last name is the guilty one
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%d inputs\n", count - 1);
  return 0;
}
