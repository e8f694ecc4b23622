"""How `todus.download` fetches.

transport.py       one question to a server: retries, proxies, what an answer means
transfer.py        one file over http, resumed where it was cut off
many_transfers.py  many files at once
local_copy.py      file addresses
remote_file.py     a file on a server that is read here and there, by Range
"""
