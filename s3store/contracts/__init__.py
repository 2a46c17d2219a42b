"""Session-store contracts of other projects, kept on an archive: brainwires, a3s, agent_assembly, zeroclaw.

Each package has the contract as a protocol, its data classes with their JSON, and two faces of one implementation.
Each has its own sessions in the archive: those whose id starts with the contract's name and a slash.
"""
