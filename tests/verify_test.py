"""The harness of the long proofs, on parts of its own in a checkout of its own."""

import contextlib
import io
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import verify
from verify import Part, Proofs


def part(name: str, *commands: str, **more) -> Part:
    return Part(name, f"That {name} is so.", commands, **more)


class Harness(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        (self.root / ".gitignore").write_text("/target/\n")
        self.git("init", "--quiet")
        self.commit("first")

    def git(self, *words: str):
        names = ("-c", "user.name=t", "-c", "user.email=t@t")
        subprocess.run(("git", *names, *words), cwd=self.root, check=True, capture_output=True)

    def commit(self, text: str):
        (self.root / "file").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)

    def verify(self, parts: list[Part], *words: str) -> tuple[int, dict[str, str]]:
        """The exit code, and what the table says of every part."""
        proofs = Proofs(self.root, tuple(parts))
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = verify.main(proofs, list(words))
        self.printed = out.getvalue()
        self.assertTrue(self.printed.endswith(proofs.table() + "\n"))
        kept = proofs.kept(verify.Tree.of(self.root))
        return code, {each.name: self.row(each.name, verify.state(kept.get(each.name))) for each in parts}

    def row(self, name: str, state: str) -> str:
        self.assertRegex(self.printed, f"(?m)^{name} +That {name} is so. +{re.escape(state)}( +\\d+)?$")
        return state

    def test_parts_run_one_after_another_add_up(self):
        parts = [part("one", "true"), part("two", "true"), part("three", "false")]
        self.assertEqual(self.verify(parts, "one"), (0, {"one": "passed", "two": "not run", "three": "not run"}))
        self.assertEqual(self.verify(parts, "three"), (1, {"one": "passed", "two": "not run", "three": "failed"}))
        self.assertEqual(self.verify(parts, "--list"), (0, {"one": "passed", "two": "not run", "three": "failed"}))
        self.assertEqual(self.verify(parts), (1, {"one": "passed", "two": "passed", "three": "failed"}))

    def test_results_are_those_of_the_commit(self):
        parts = [part("one", "true")]
        self.verify(parts)
        self.commit("second")
        self.assertEqual(self.verify(parts, "--list"), (0, {"one": "not run"}))

    def test_a_dirty_tree_is_marked_and_counts_for_itself(self):
        parts = [part("one", "true")]
        (self.root / "file").write_text("changed")
        self.assertEqual(self.verify(parts), (0, {"one": "passed (dirty tree)"}))
        self.assertIn("uncommitted", self.printed)
        self.git("checkout", "--", "file")
        self.assertEqual(self.verify(parts, "--list"), (0, {"one": "not run"}))

    def test_what_changes_during_a_run_counts_as_dirty(self):
        parts = [part("one", "echo more > file")]
        self.assertEqual(self.verify(parts), (0, {"one": "passed (dirty tree)"}))
        self.git("checkout", "--", "file")
        self.assertEqual(self.verify(parts, "--list"), (0, {"one": "not run"}))

    def test_one_failed_command_fails_the_part_and_ends_it(self):
        code, rows = self.verify([part("one", "true", "exit 3", "touch target/after")])
        self.assertEqual((code, rows), (1, {"one": "failed"}))
        self.assertFalse((self.root / "target/after").exists())
        self.assertIn("status 3: exit 3", self.result("one")["problem"])

    def test_tests_of_which_none_ran_fail(self):
        none = "echo 'test result: ok. 0 passed; 0 failed; 9 filtered out'"
        some = "echo 'test result: ok. 2 passed; 0 failed'"
        self.assertEqual(self.verify([part("one", f"{none}; {some}")])[0], 0)
        self.assertEqual(self.verify([part("one", some, none)])[0], 1)

    def test_figures_are_kept_or_the_end_of_what_failed(self):
        self.verify([part("one", "echo noise; echo '  rate 7'; echo noise", figures="^ *rate"), part("two", "seq 100; false", figures="^1$")])
        self.assertEqual(self.result("one")["figures"], ["rate 7"])
        self.assertEqual(self.result("two")["figures"], [str(line) for line in range(89, 101)])

    def test_what_was_skipped_is_counted(self):
        self.assertEqual(self.verify([part("one", "echo 'skipped: no node'")]), (0, {"one": "passed, 1 skipped"}))

    def test_a_part_without_what_it_needs_is_not_run(self):
        os.environ.pop("FORETICK_PLANTED", None)
        self.assertEqual(self.verify([part("one", "false", needs=("FORETICK_PLANTED",))]), (0, {"one": "not run"}))

    def test_a_part_that_hangs_is_ended(self):
        before, verify.MOST_S = verify.MOST_S, 0.3
        self.addCleanup(setattr, verify, "MOST_S", before)
        self.assertEqual(self.verify([part("one", "sleep 60 & sleep 60; true")])[0], 1)
        self.assertIn("longer", self.result("one")["problem"])

    def test_an_unknown_part_is_wrong_usage(self):
        with self.assertRaises(SystemExit), contextlib.redirect_stderr(io.StringIO()):
            verify.main(Proofs(self.root, ()), ["one"])

    def test_every_part_has_its_sentence(self):
        names = [part.name for part in verify.PARTS]
        self.assertEqual(len(names), len(set(names)))
        for each in verify.PARTS:
            self.assertTrue(each.commands and each.proves.endswith("."), each.name)

    def result(self, name: str) -> dict:
        proofs = Proofs(self.root, ())
        return proofs.kept(verify.Tree.of(self.root))[name]


if __name__ == "__main__":
    unittest.main()
