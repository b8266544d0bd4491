"""What runs inside other programs: each file needs that program, httpx, and nothing else of stillhunt.

So a gateway does not load what a hunt needs, and a file may be copied into a gateway by itself.
"""
