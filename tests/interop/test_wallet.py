"""Hotkey files: what dojo::wire writes, bittensor-wallet loads, and the other way round.

DOJO_CROSSCHECK names the program built from sr25519_crosscheck.cpp.
"""

import os
import stat
import tempfile
import unittest

import bittensor_wallet
import sr25519

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


if __name__ == "__main__":
    unittest.main()
