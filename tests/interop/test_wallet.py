"""Hotkey files: what dojo::wire writes, bittensor's packages load, and the other way round.

DOJO_CROSSCHECK names the program built from sr25519_crosscheck.cpp, DOJO the command.
"""

import os
import stat
import subprocess
import tempfile
import unittest

import bittensor_core
import bittensor_wallet
import sr25519

from keyfile_forms import forms
from test_sr25519 import Crosscheck


class WalletFile(unittest.TestCase):
    def setUp(self):
        self.program = Crosscheck()
        self.addCleanup(self.program.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = os.path.join(self.folder, "miner", "hotkeys", "default")

    def theirs(self):
        return bittensor_wallet.Wallet(name="miner", hotkey="default", path=self.folder)

    def shown(self):
        address, public, warnings = self.program.ask("wallet-show", self.file).split()
        return address, public, int(warnings)

    def assert_same_key(self):
        """Both read one file as one key, and accept each other's signatures."""
        hotkey = self.theirs().hotkey
        address, public, warnings = self.shown()
        self.assertEqual(hotkey.ss58_address, address)
        self.assertEqual(bytes(hotkey.public_key).hex(), public)
        self.assertEqual(warnings, 0)
        signature = hotkey.sign(b"a message")
        self.assertEqual(
            self.program.ask("verify", public, b"a message".hex(), bytes(signature).hex()), "true"
        )
        self.assertTrue(sr25519.verify(bytes(signature), b"a message", bytes.fromhex(public)))

    def test_ours_is_loaded_by_bittensor_wallet(self):
        address = self.program.ask("wallet-create", self.file)
        self.assertEqual(self.theirs().hotkey.ss58_address, address)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        self.assert_same_key()

    def test_a_new_one_of_theirs_is_loaded_by_us(self):
        self.theirs().create_new_hotkey(use_password=False, overwrite=True, suppress=True)
        self.assert_same_key()

    def test_one_of_a_mnemonic_is_loaded_by_us(self):
        for words in (12, 24):
            phrase = bittensor_wallet.Keypair.generate_mnemonic(words)
            self.theirs().regenerate_hotkey(
                mnemonic=phrase, use_password=False, overwrite=True, suppress=True
            )
            self.assert_same_key()
            self.assertEqual(self.program.ask("mnemonic", phrase), self.shown()[1])

    def test_one_of_a_derived_key_is_loaded_by_us(self):
        self.theirs().create_hotkey_from_uri(
            "//Alice", use_password=False, overwrite=True, suppress=True
        )
        self.assert_same_key()

    def test_a_public_half_is_refused(self):
        self.theirs().create_new_hotkey(use_password=False, overwrite=True, suppress=True)
        self.file += "pub.txt"
        with self.assertRaisesRegex(RuntimeError, "public key alone"):
            self.shown()

    def test_an_encrypted_one_is_named(self):
        wallet = self.theirs()
        wallet.create_new_hotkey(use_password=False, overwrite=True, suppress=True)
        with open(self.file, "rb") as file:
            plain = file.read()
        secret = bittensor_wallet.keyfile.encrypt_keyfile_data(plain, "a long Passw0rd of 3 words")
        with open(self.file, "wb") as file:
            file.write(secret)
        with self.assertRaisesRegex(RuntimeError, r"encrypted \(\$NACL\)"):
            self.shown()

    def test_an_existing_file_is_not_overwritten(self):
        address = self.program.ask("wallet-create", self.file)
        with self.assertRaisesRegex(RuntimeError, "never overwritten"):
            self.program.ask("wallet-create", self.file)
        self.assertEqual(self.shown()[0], address)


def loaded_by(package, text):
    """The address of the key that a package makes of a keyfile's text and can sign with; None if it does not."""
    try:
        keypair = package.deserialize_keypair_from_keyfile_data(text.encode())
        keypair.sign(b"a message")
        return keypair.ss58_address
    except BaseException:  # panics of Rust's are no Exceptions
        return None


class AnyForm(unittest.TestCase):
    def setUp(self):
        self.program = Crosscheck()
        self.addCleanup(self.program.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = os.path.join(folder.name, "hotkey")
        self.password_file = os.path.join(folder.name, "password")

    def write(self, data):
        with open(self.file, "wb") as file:
            file.write(data)
        os.chmod(self.file, 0o600)

    def ours(self, *password_file):
        try:
            return self.program.ask("wallet-show", self.file, *password_file).split()[0]
        except RuntimeError as error:
            return str(error)

    def ours_with(self, password):
        with open(self.password_file, "w", encoding="utf-8") as file:
            file.write(password + "\n")
        return self.ours(self.password_file)

    def test_what_bittensor_loads_is_the_same_key(self):
        loaded = 0
        for name, text in forms().items():
            theirs = loaded_by(bittensor_core, text)
            if theirs is None:
                continue
            loaded += 1
            with self.subTest(name):
                self.write(text.encode())
                self.assertEqual(self.ours(), theirs)
        self.assertGreater(loaded, 200)

    def test_what_bittensor_wallet_alone_loads_is_the_same_key_or_not_its_addresss(self):
        loaded = 0
        for name, text in forms().items():
            theirs = loaded_by(bittensor_wallet.keyfile, text)
            if theirs is None or loaded_by(bittensor_core, text) is not None:
                continue
            loaded += 1
            with self.subTest(name):
                self.write(text.encode())
                ours = self.ours()
                if ours != theirs:
                    self.assertIn("ss58Address is not its secret's", ours)
                    self.assertIn(theirs, ours)
        self.assertGreater(loaded, 20)

    def assert_opened(self, data, password, address):
        self.write(data)
        self.assertEqual(self.ours_with(password), address)
        self.assertIn("password is wrong", self.ours_with(password + "x"))

    def test_encrypted_ones_are_opened_by_their_password(self):
        password = "a pässword"
        for name in ("sr25519 all, type right, full", "bare phrase"):
            text = forms()[name].encode()
            address = loaded_by(bittensor_core, text.decode())
            self.assert_opened(
                bytes(bittensor_core.encrypt_keyfile_data(text, password)), password, address
            )
            vault = bytes(bittensor_wallet.keyfile.legacy_encrypt_keyfile_data(text, password))
            self.assert_opened(vault, password, address)
            self.assert_opened(vault.replace(b"\n", b"\r\n"), password, address)

    def test_the_oldest_encryption_is_opened_by_its_password(self):
        # Nothing writes it any more; this is of a seed of 32 times 0x33.
        token = (
            "gAAAAABrB2JrJ97mp0rH84lankOKODQlGpLn_XWFmi2OsbK5nnZ4c2r_51km-gVhyK5HIbCkbxN4QZEzuggsfAEiYy"
            "PKvTbynhUYZ_UZzeFbQSN66RNcpKKZKji_VvtNhjONvr33640hHRMNcBr64uUESCgct8aNOJrwKy-59RkOiCQ34KLZ"
            "N5iYABYzo3yGOuopNNb_bNQY"
        )
        password = "pä ss"
        text = bytes(bittensor_core.decrypt_keyfile_data(token.encode(), password)).decode()
        self.assert_opened(token.encode(), password, loaded_by(bittensor_core, text))
        self.write(token.rstrip("=").encode() + b"\n")
        self.assertEqual(self.ours_with(password), loaded_by(bittensor_core, text))

    def test_a_password_that_they_left_in_the_environment_is_found(self):
        text = forms()["sr25519 all, type right, full"].encode()
        self.write(bytes(bittensor_wallet.keyfile.legacy_encrypt_keyfile_data(text, "a pässword")))
        keyfile = bittensor_wallet.Keyfile(self.file)
        keyfile.save_password_to_env("a pässword")
        self.addCleanup(keyfile.remove_password_from_env)
        shown = subprocess.run(
            [os.environ["DOJO"], "address", self.file],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(shown.stderr, "")
        self.assertEqual(shown.stdout.strip(), loaded_by(bittensor_core, text.decode()))


if __name__ == "__main__":
    unittest.main()
