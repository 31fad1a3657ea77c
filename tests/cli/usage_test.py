"""Help, wrong usage, configuration, completion and the lists of what there is."""
import json
import os
import shutil
import subprocess
import unittest

from harness import ADD, CNN, CNN_DATA, VIT, CommandTest

COMMANDS = ["inspect", "run", "chat", "generate", "perplexity", "compile", "quantize", "diff", "opt", "tokenize",
            "analyze", "benchmark", "calibrate", "validate", "compare", "backends", "devices", "shapes", "engines", "cache", "config", "completion", "help", "version", "worker"]


class Help(CommandTest):
    def test_overview_names_every_command(self):
        text = self.hone("help").out
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^  {command} ")
        self.assertEqual(self.hone("--help").out, text)
        self.assertEqual(self.hone("-h").out, text)

    def test_examples_come_first(self):
        for command in COMMANDS:
            text = self.hone("help", command).out
            self.assertLess(text.index("examples:\n  $ "), text.index("usage: hone " + command))
            self.assertEqual(self.hone(command, "--help").out, text)

    def test_version(self):
        self.assertRegex(self.hone("version").out, r"^hone \d+\.\d+\.\d+\n$")
        self.assertEqual(self.hone("--version").out, self.hone("version").out)
        self.assertIn("version", self.hone("version", "--json").json())

    def test_json(self):
        names = [c["name"] for c in self.hone("help", "--json").json()["commands"]]
        self.assertEqual(names, COMMANDS)
        flags = [f["name"] for f in self.hone("help", "run", "--json").json()["flags"]]
        self.assertIn("--check", flags)
        self.assertEqual(self.hone("run", "--help", "--json").json(),
                         self.hone("help", "run", "--json").json())

    def test_nothing_given(self):
        result = self.hone(code=2)
        self.assertIn("usage: hone", result.err)
        self.assertEqual(result.out, "")


class Usage(CommandTest):
    def test_unknown_command(self):
        result = self.refused("inspct", error="usage", code=2)
        self.assertIn("did you mean `hone inspect`?", result.err)

    def test_unknown_flag(self):
        result = self.refused("run", CNN, "--chek", "x", error="usage", code=2)
        self.assertIn("did you mean --check?", result.err)

    def test_wrong_words(self):
        for words in (
                ["inspect"],
                ["inspect", CNN, CNN],
                ["diff", CNN],
                ["run"],
                ["run", CNN],
                ["run", CNN, "--seed", "x", "--random"],
                ["run", CNN, "--seed"],
                ["run", CNN, "--random", "--repeat", "0"],
                ["run", CNN, "--random", "--bind", "batch"],
                ["run", CNN, "--random", "--bind", "nothing=3"],
                ["run", CNN, "--input", "image"],
                ["run", CNN, "--input", "nothing=x.npy"],
                ["run", CNN, "some", "words"],
                ["run", CNN, "--rtol", "many", "--random"],
                ["run", CNN, "--check", CNN_DATA, "--rtol", "nan"],
                ["run", CNN, "--check", CNN_DATA, "--atol", "-1"],
                ["inspect", CNN, "--text=yes"],
                ["diff", CNN, CNN, "--lines", "-1"],
                ["generate", CNN, "-p", "a", "--top-k", "4294967297"],
                ["generate", CNN, "-p", "a", "--top-k", "-1"],
                ["generate", CNN, "-p", "a", "--penalty-last-n", "4294967296"],
                ["generate", CNN, "-p", "a", "--mirostat", "4294967297"],
                ["generate", CNN, "-p", "a", "--context", "9223372036854775807"],
                ["generate", CNN, "-p", "a", "-n", "-5"],
                ["generate", "a.hone", "-p", "a", "--cache", "i8"],
                ["generate", "a.hone", "-p", "a", "--exact-rows"],
                ["tokenize", CNN, "--text", "a", "--file", "b"],
                ["compile", CNN, "-o", "a.onnx"],
                ["opt", CNN, "-o", "a.onnx"],
                ["compile", CNN],
                ["compile", CNN, "-O9", "-o", "x.hone"],
                ["compile", CNN, CNN, "-o", "x.hone"],
                ["opt"],
                ["opt", CNN, "--disable", "nothing"],
                ["opt", CNN, "--print-after=nothing"],
                ["opt", "--describe", "nothing"],
                ["config", "nothing"],
                ["config"],
                ["completion", "tcsh"],
                ["help", "nothing"],
                ["--unknown", "inspect", CNN],
                ["inspect", CNN, "--limits", "nothing=3"],
                ["inspect", CNN, "--limits", "nodes"],
                ["inspect", CNN, "--limits", "nodes=many"],
                ["inspect", CNN, "--log-level", "loud"],
        ):
            with self.subTest(words=words):
                self.refused(*words, error="usage", code=2)

    def test_chat_gives_json_for_one_message_only(self):
        error = json.loads(self.hone("chat", CNN, "--json", code=2).err)["error"]
        self.assertIn("--prompt", error["message"])

    def test_the_hint_names_the_command(self):
        for words in (["run", CNN, "--random", "--repeat", "0"], ["run", CNN, "--input", "image"],
                      ["run", CNN, "--seed"]):
            result = self.refused(*words, error="usage", code=2)
            self.assertIn("see `hone help run`", result.err)
        self.assertIn("--seed needs a value: S", result.err)

    def test_common_flags_before_the_command(self):
        self.assertEqual(self.hone("--json", "version").json(),
                         self.hone("version", "--json").json())
        self.hone("--threads", "1", "backends")

    def test_words_behind_two_dashes_are_not_flags(self):
        self.write("--odd.ir", ADD)
        self.hone("inspect", "--", "--odd.ir")

    def test_full_output_device(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            from harness import HONE
            done = subprocess.run([HONE, "inspect", CNN], stdout=full, stderr=subprocess.PIPE,
                                  text=True, check=False)
        self.assertEqual(done.returncode, 4)


class Messages(CommandTest):
    """Notes and errors on standard error, as --log-level and --log-format say."""
    # One command of each kind that tells notes.
    NOTES = (["run", CNN, "--random"],
             ["opt", CNN, "--check-numerics"], ["opt", CNN, "--print-after=expand"])

    def test_notes_have_a_level(self):
        for words in self.NOTES:
            for flags in ([], ["--log-level", "note"], ["--log-level", "debug"]):
                self.assertIn("hone: note: ", self.hone(*words, *flags).err, words)
            for level in ("warn", "error"):
                self.assertEqual(self.hone(*words, "--log-level", level).err, "", words)
                self.assertEqual(
                    self.hone(*words, environment={"HONE_LOG_LEVEL": level}).err, "", words)

    def test_notes_as_json(self):
        for words in self.NOTES:
            lines = self.hone(*words, "--log-format", "json").err.splitlines()
            self.assertTrue(lines)
            for line in lines:
                record = json.loads(line)
                self.assertEqual(record["level"], "note")
                self.assertRegex(record["time"], r"^\d{4}-\d\d-\d\dT.*Z$")
                self.assertTrue(record["message"])

    def test_json_keeps_standard_error_for_errors(self):
        for words in self.NOTES:
            self.assertEqual(self.hone(*words, "--json").err, "")

    def test_errors_are_always_told(self):
        for level in ("error", "debug"):
            self.assertIn("[io.not_found]",
                          self.hone("inspect", "none", "--log-level", level, code=3).err)

    def test_errors_as_json(self):
        self.write("hone.yaml", "log: {format: json}\n")
        for words, code, environment in (
                (["inspect", "none", "--log-format", "json"], 3, {}),
                (["inspect", "none", "--log-format=json", "--json"], 3, {}),
                (["inspect", "none"], 3, {}),
                (["--log-format", "json", "inspct"], 2, {}),
                (["inspect", "--log-format", "json"], 2, {}),
                (["inspect"], 2, {"HONE_LOG_FORMAT": "json"}),
                (["--log-format", "json"], 2, {})):
            result = self.hone(*words, code=code, environment=environment)
            self.assertEqual(result.err.count("\n"), 1, result.err)
            record = json.loads(result.err)
            self.assertEqual(record["level"], "error")
            self.assertEqual(record["message"], record["error"]["message"])
            self.assertEqual(record["error"]["exit_code"], code)
            self.assertTrue(record["error"]["hint"])

    def test_what_was_asked_for_has_both_forms(self):
        words = ["opt", VIT, "--print-after", "--journal", "--stop-after-edits", "2"]
        text = self.hone(*words, "--log-level", "error").err
        self.assertIn("// after ", text)
        for line in self.hone(*words, "--log-level", "error", "--log-format",
                              "json").err.splitlines():
            self.assertIn("pass", json.loads(line))


class Lists(CommandTest):
    def test_backends(self):
        self.assertIn("reference", self.hone("backends").out)
        names = [b["name"] for b in self.hone("backends", "--json").json()["backends"]]
        self.assertIn("reference", names)

    def test_devices(self):
        self.assertTrue(self.hone("devices").out.startswith("host\n"))
        device = self.hone("devices", "--json").json()["devices"][0]
        self.assertEqual(device["id"], "host")
        self.assertGreater(device["memory_bytes"], 0)
        self.assertGreaterEqual(device["usable_cpus"], 1)

    def test_passes_and_operators(self):
        text = self.hone("opt", "--list").out
        self.assertRegex(text, r"(?m)^  fold ")
        self.assertIn("softmax", text)
        self.assertIn("fold", self.hone("opt", "--list", "--json").json()["passes"])
        self.assertIn("axis", self.hone("opt", "--describe", "softmax").out)
        operator = self.hone("opt", "--describe", "softmax", "--json").json()
        self.assertEqual([a["name"] for a in operator["attributes"]], ["axis"])


class Settings(CommandTest):
    def shown(self, *words, environment=None):
        return self.hone("config", "show", "--json", *words, environment=environment).json()

    def test_precedence(self):
        self.assertEqual(self.shown()["threads"], {"value": 0, "source": "default"})
        self.write("hone.yaml", "threads: 2\n")
        self.assertEqual(self.shown()["threads"]["value"], 2)
        self.assertEqual(self.shown(environment={"HONE_THREADS": "3"})["threads"]["value"], 3)
        self.assertEqual(
            self.shown("--threads", "4", environment={"HONE_THREADS": "3"})["threads"]["value"], 4)
        self.write("other.yaml", "threads: 5\n")
        self.assertEqual(self.shown("--config", "other.yaml")["threads"]["value"], 5)
        self.assertEqual(self.shown(environment={"HONE_CONFIG": "other.yaml"})["threads"]["value"],
                         5)

    def test_unknown_settings_are_refused(self):
        self.refused("config", "show", error="config.invalid", code=2,
                     environment={"HONE_THREDS": "3"})
        self.write("hone.yaml", "threds: 2\n")
        self.refused("config", "show", error="config.invalid", code=2)

    def test_unknown_backends_are_refused(self):
        for environment, where in (({"HONE_BACKEND": "refrence"}, "HONE_BACKEND"), ({}, "hone.yaml")):
            if not environment:
                self.write("hone.yaml", "backend: refrence\n")
            result = self.refused("config", "show", error="config.invalid", code=2,
                                  environment=environment)
            for piece in (where, "did you mean reference?", "auto, cpu, reference"):
                self.assertIn(piece, result.err)

    def test_help_needs_no_settings(self):
        self.write("hone.yaml", "threds: 2\n")
        self.refused("config", "show", error="config.invalid", code=2)
        for words in (["help"], ["version"], ["config", "template"], ["completion", "bash"]):
            self.hone(*words)

    def test_the_hint_at_a_missing_file_says_who_named_it(self):
        result = self.refused("config", "show", error="io.not_found",
                              environment={"HONE_CONFIG": "none.yaml"})
        self.assertIn("HONE_CONFIG", result.err)

    def test_export_as_json_is_a_settings_file(self):
        self.write("all.json", self.hone("config", "export", "--threads", "7", "--json").out)
        self.assertEqual(self.shown("--config", "all.json")["threads"]["value"], 7)
        keys = [s["key"] for s in self.hone("config", "template", "--json").json()["settings"]]
        self.assertEqual(keys, list(self.shown()))

    def test_export_and_template_are_settings_files(self):
        self.write("all.yaml", self.hone("config", "export", "--threads", "7").out)
        self.assertEqual(self.shown("--config", "all.yaml")["threads"]["value"], 7)
        self.write("empty.yaml", self.hone("config", "template").out)
        self.assertEqual(self.shown("--config", "empty.yaml"), self.shown())

    def test_a_file_beside_a_model_cannot_loosen_limits(self):
        self.write("models/a.ir", ADD)
        self.write("models/hone.yaml", "limits:\n  nodes: 100000000\n")
        self.refused("inspect", "models/a.ir", error="config.invalid", code=2)
        self.write("models/hone.yaml", "limits:\n  header: 10B\n")
        self.hone("inspect", "models/a.ir", code=4)
        self.hone("inspect", "models/a.ir", "--limits", "header=1MB")

    def test_a_file_beside_a_model_is_no_way_out_of_its_folder(self):
        self.write("models/a.ir", ADD)
        os.symlink("/etc/passwd", self.path("models/hone.yaml"))
        self.refused("inspect", "models/a.ir", error="io.outside_folder")

    def test_limits_flag(self):
        result = self.hone("inspect", CNN, "--limits", "memory=1kB", code=4)
        self.assertIn("[limit.memory]", result.err)


class Completion(CommandTest):
    def complete(self, *words):
        line = " ".join(f"'{w}'" for w in words)
        script = (f"source completion; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _hone; "
                  'echo "${COMPREPLY[@]}"')
        return subprocess.run(["bash", "-c", script], cwd=self.folder, capture_output=True,
                              text=True, check=True).stdout.split()

    def test_bash(self):
        self.write("completion", self.hone("completion", "bash").out)
        self.assertEqual(self.complete("hone", "ins"), ["inspect"])
        self.assertEqual(self.complete("hone", "run", "--ch"), ["--check"])
        self.assertEqual(self.complete("hone", "run", "--log-level", "w"), ["warn"])
        self.assertEqual(self.complete("hone", "config", "sh"), ["show"])

    def test_bash_values(self):
        self.write("completion", self.hone("completion", "bash").out)
        backends = [b["name"] for b in self.hone("backends", "--json").json()["backends"]]
        self.assertEqual(self.complete("hone", "run", "m.onnx", "--backend", ""),
                         ["auto", *backends])
        passes = self.hone("opt", "--list", "--json").json()["passes"]
        self.assertEqual(self.complete("hone", "opt", "--pipeline", ""), ["clean", *passes])
        self.assertEqual(self.complete("hone", "opt", "--disable", "swe"), ["sweep"])
        # As readline cuts words at equals signs.
        self.assertEqual(self.complete("hone", "opt", "--print-after", "=", "swe"), ["sweep"])
        self.assertEqual(self.complete("hone", "opt", "--print-after", "="), passes)
        self.assertEqual(self.complete("hone", "opt", "--describe", "softpl"), ["softplus"])
        self.assertEqual(self.complete("hone", "compile", "-O", ""), ["0", "1", "2", "3"])
        self.assertEqual(self.complete("hone", "run", "--log-level", ""),
                         ["error", "warn", "note", "info", "debug"])
        self.assertEqual(self.complete("hone", "run", "--log-format", ""), ["text", "json"])
        self.assertEqual(self.complete("hone", "run", "--color", "n"), ["never"])
        self.assertEqual(self.complete("hone", "run", "--limits", "iter"), ["iterations="])
        self.assertEqual(self.complete("hone", "run", "--seed", ""), [])
        self.write("data.npy", "")
        self.assertEqual(self.complete("hone", "config", "--config", "data"), ["data.npy"])
        self.assertEqual(self.complete("hone", "compile", "-o", "data"), ["data.npy"])

    def test_bash_flags_before_the_command(self):
        self.write("completion", self.hone("completion", "bash").out)
        self.assertEqual(self.complete("hone", "--threads", "2", "insp"), ["inspect"])
        self.assertEqual(self.complete("hone", "--threads", "=", "2", "insp"), ["inspect"])
        self.assertEqual(self.complete("hone", "--json", "run", "--ch"), ["--check"])
        self.assertEqual(self.complete("hone", "--log-format", "j"), ["json"])
        self.assertEqual(self.complete("hone", "--thr"), ["--threads"])

    def test_json(self):
        self.assertEqual(self.hone("completion", "bash", "--json").json()["script"],
                         self.hone("completion", "bash").out)

    def test_other_shells(self):
        for shell in ("zsh", "fish"):
            self.write("completion", self.hone("completion", shell).out)
            if shutil.which(shell):
                subprocess.run([shell, "-n", self.path("completion")], check=True)

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish_values(self):
        self.write("completion", self.hone("completion", "fish").out)

        def complete(line):
            done = subprocess.run(["fish", "--no-config", "-c",
                                   f"source completion; complete -C '{line}'"], cwd=self.folder,
                                  capture_output=True, text=True, check=True)
            return [row.split("\t")[0] for row in done.stdout.splitlines()]
        self.assertEqual(sorted(complete("hone run m.onnx --backend ")),
                         ["auto", "cpu", "reference"])
        self.assertEqual(complete("hone opt --disable swe"), ["sweep"])
        self.assertEqual(complete("hone opt --print-after=swe"), ["--print-after=sweep"])
        self.assertEqual(complete("hone run --log-level w"), ["warn"])

    def test_zsh_values(self):
        script = self.hone("completion", "zsh").out
        backends = " ".join(b["name"] for b in self.hone("backends", "--json").json()["backends"])
        self.assertIn(f":B:(auto {backends})'", script)
        self.assertIn("'--print-after=-[", script)
        self.assertIn(":LEVEL:(error warn note info debug)'", script)


if __name__ == "__main__":
    unittest.main()
