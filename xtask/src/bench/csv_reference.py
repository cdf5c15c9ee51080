"""The reference of `cargo xtask bench csv`: the same export, written plainly with Python's csv module.

Reads the rows, checks what the agent checks, maps them to the same columns, writes the sound ones under a
temporary name and renames the file when it is complete.
"""

import csv
import os
import sys
from decimal import Decimal, InvalidOperation

FIELDS = ["sku", "name", "barcode", "price", "tax_rate", "stock", "unit", "category", "description"]


def barcode_is_sound(code):
    if len(code) not in (8, 12, 13, 14) or not code.isdigit():
        return False
    total = 0
    weight = 1
    for digit in reversed(code):
        total += int(digit) * weight
        weight = 4 - weight
    return total % 10 == 0


def is_sound(row):
    if not 0 < len(row["sku"]) <= 64 or not 0 < len(row["name"]) <= 255:
        return False
    if row["barcode"] and not barcode_is_sound(row["barcode"]):
        return False
    try:
        price = Decimal(row["price"])
        tax_rate = Decimal(row["tax_rate"]) if row["tax_rate"] else None
        if row["stock"]:
            Decimal(row["stock"])
    except InvalidOperation:
        return False
    if price < 0 or (tax_rate is not None and not 0 <= tax_rate <= 100):
        return False
    return True


def main(source, target):
    part = target + ".part"
    with open(source, newline="", encoding="utf-8") as lines, open(part, "w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, FIELDS, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in csv.DictReader(lines):
            if is_sound(row):
                writer.writerow(row)
        out.flush()
        os.fsync(out.fileno())
    os.replace(part, target)


main(sys.argv[1], sys.argv[2])
