"""The public names, and where they are: `fft_core/__init__.py` reads this list, and so do type checkers."""

__all__: list[str]

from fft_core.build.publish import publish_frame as publish_frame
from fft_core.build.rows import read_relation as read_relation
from fft_core.checks.results import CheckFailedError as CheckFailedError
from fft_core.errors import FftError as FftError
from fft_core.errors import ModelError as ModelError
from fft_core.errors import ProfileError as ProfileError
from fft_core.errors import ProjectError as ProjectError
from fft_core.errors import RequiredColumnsError as RequiredColumnsError
from fft_core.errors import StateError as StateError
from fft_core.frames import from_arrow as from_arrow
from fft_core.frames import to_arrow as to_arrow
from fft_core.names import Relation as Relation
from fft_core.operations.freshness import source_freshness as source_freshness
from fft_core.operations.preview import preview as preview
from fft_core.plan.decision import Decision as Decision
from fft_core.plan.decision import Plan as Plan
from fft_core.plan.decision import Request as Request
from fft_core.project.model import Model as Model
from fft_core.project.model import Project as Project
from fft_core.project.model import Seed as Seed
from fft_core.project.model import Source as Source
from fft_core.project.model import SourceName as SourceName
from fft_core.project.model.selection import select as select
from fft_core.project.read.load import load_project as load_project
from fft_core.project.read.python_file import model as model
from fft_core.project.read.python_file import ref as ref
from fft_core.project.read.python_file import relation_for as relation_for
from fft_core.project.read.python_file import source as source
from fft_core.run.rebuilder import make_plan as make_plan
from fft_core.run.run import Run as Run
from fft_core.run.turn import ReuseResult as ReuseResult
from fft_core.unit_tests.run import run_unit_tests as run_unit_tests
from fft_core.warehouse.warehouse import Warehouse as Warehouse
from fft_core.warehouse.warehouse import open_warehouse as open_warehouse
