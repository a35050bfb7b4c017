"""The commands beside `worker`. They know no Faust, and each imports only what it uses, so that they start quickly.

Exit codes: 0 all is well, 1 the answer is bad news, 2 the question could not be asked.
"""
