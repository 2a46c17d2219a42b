"""Session files of other tools, read without loss.

`detect` finds them, `formats` reads each into sessions, `plan` tells what an import has to do. Nothing here
talks to an archive.
"""
