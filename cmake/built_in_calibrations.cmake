# Writes OUT, a source that holds the text of every file of data/calibration below ROOT.
file(GLOB files RELATIVE ${ROOT} ${ROOT}/data/calibration/*.json)
list(SORT files)
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
  string(APPEND rows "    {\"${file}\",${literals}},\n")
endforeach()
file(WRITE ${OUT} "// Made from data/calibration.
#include \"calibrate/calibrations.h\"

namespace hone::calibrate {
namespace {

constexpr BuiltInCalibration kCalibrations[] = {
${rows}};

}  // namespace

std::span<const BuiltInCalibration> built_in_calibrations() { return kCalibrations; }

}  // namespace hone::calibrate
")
