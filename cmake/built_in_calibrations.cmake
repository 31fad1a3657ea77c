# Writes OUT, a source that holds the text of every file of data/calibration below ROOT.
file(GLOB files RELATIVE ${ROOT} ${ROOT}/data/calibration/*.json)
list(SORT files)
set(names "")
set(texts "")
set(rows "")
foreach(file IN LISTS files)
  file(READ ${ROOT}/${file} text)
  # Literals may not be longer than 64 kB by the standard; one after the other they are one.
  string(LENGTH "${text}" length)
  set(literals "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 15000 piece)
    string(APPEND literals "\n     R\"hone(${piece})hone\"")
    math(EXPR at "${at} + 15000")
  endwhile()
  list(LENGTH names number)
  list(APPEND names ${file})
  # An array has its length: nobody counts characters when this is compiled.
  string(APPEND texts "constexpr char kText${number}[] =${literals};\n")
  string(APPEND rows "    {\"${file}\", {kText${number}, sizeof kText${number} - 1}},\n")
endforeach()
file(WRITE ${OUT} "// Made from data/calibration.
#include \"calibrate/calibrations.h\"

namespace hone::calibrate {
namespace {

${texts}
constexpr BuiltInCalibration kCalibrations[] = {
${rows}};

}  // namespace

std::span<const BuiltInCalibration> built_in_calibrations() { return kCalibrations; }

}  // namespace hone::calibrate
")
