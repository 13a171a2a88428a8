"""Assets: photos, their files, uploads and ratings.

Revision: 0002_assets
After: 0001_foundation
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_assets"
down_revision = "0001_foundation"
branch_labels = None
depends_on = None

SHOWN = (
    "trashed_at IS NULL AND parent_id IS NULL AND status IN ('processing', 'ready') AND format IS DISTINCT FROM 'xmp'"
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '1s'")
    op.add_column("installation", sa.Column("store_id", sa.Text(), nullable=True))
    op.add_column("installation", sa.Column("verifying_since", sa.DateTime(timezone=True), nullable=True))
    _assets()
    _files()
    _uploads()
    _ratings()


def _assets() -> None:
    op.create_table(
        "assets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("unpaired", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("format", sa.String(16), nullable=True),
        sa.Column("stem", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), sa.Computed("lower(filename)", persisted=True), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("ingested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trashed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("captured_local", sa.String(32), nullable=True),
        sa.Column("offset_minutes", sa.SmallInteger(), nullable=True),
        sa.Column("captured_source", sa.String(32), nullable=True),
        sa.Column("zone_source", sa.String(32), nullable=True),
        sa.Column(
            "sort_at",
            sa.DateTime(timezone=True),
            sa.Computed("coalesce(captured_at, ingested_at)", persisted=True),
            nullable=False,
        ),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("orientation", sa.SmallInteger(), nullable=False),
        sa.Column("camera_make", sa.Text(), nullable=True),
        sa.Column("camera_model", sa.Text(), nullable=True),
        sa.Column("camera_serial", sa.Text(), nullable=True),
        sa.Column("lens_model", sa.Text(), nullable=True),
        sa.Column("focal_length_mm", sa.Double(), nullable=True),
        sa.Column("shutter_speed", sa.Text(), nullable=True),
        sa.Column("exposure_time_s", sa.Double(), nullable=True),
        sa.Column("aperture", sa.Double(), nullable=True),
        sa.Column("iso", sa.Integer(), nullable=True),
        sa.Column("exposure_bias_ev", sa.Double(), nullable=True),
        sa.Column("flash_fired", sa.Boolean(), nullable=True),
        sa.Column("drive_mode", sa.Text(), nullable=True),
        sa.Column("sub_seconds", sa.String(16), nullable=True),
        sa.Column("gps_latitude", sa.Double(), nullable=True),
        sa.Column("gps_longitude", sa.Double(), nullable=True),
        sa.Column("gps_altitude_m", sa.Double(), nullable=True),
        sa.Column("exif", postgresql.JSONB(), nullable=False),
        sa.Column("iptc", postgresql.JSONB(), nullable=False),
        sa.Column("xmp", postgresql.JSONB(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("keywords", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("label", sa.Text(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("flags", postgresql.JSONB(), nullable=False),
        sa.Column("remarks", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("thumbhash", sa.String(48), nullable=True),
        sa.Column("average_color", sa.Integer(), nullable=True),
        sa.Column("preview_ready", sa.Boolean(), nullable=False),
        sa.Column("metadata_ready", sa.Boolean(), nullable=False),
        sa.Column("signals_ready", sa.Boolean(), nullable=False),
        sa.Column("embedding_ready", sa.Boolean(), nullable=False),
        sa.Column("quarantine_code", sa.String(32), nullable=True),
        sa.Column("quarantine_reason", sa.Text(), nullable=True),
        sa.Column("quarantine_offset", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "gps_latitude BETWEEN -90 AND 90 AND gps_longitude BETWEEN -180 AND 180", name="ck_assets_gps"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], name="fk_assets_project_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["added_by"], ["users.id"], name="fk_assets_added_by"),
        sa.PrimaryKeyConstraint("id", name="pk_assets"),
        sa.UniqueConstraint("project_id", "id", name="uq_assets_project_id_id"),
        sa.ForeignKeyConstraint(
            ["project_id", "parent_id"],
            ["assets.project_id", "assets.id"],
            name="fk_assets_parent",
            ondelete="SET NULL (parent_id)",
        ),
    )
    shown = sa.text(SHOWN)
    op.create_index("ix_assets_captured", "assets", ["project_id", "sort_at", "id"], postgresql_where=shown)
    op.create_index("ix_assets_named", "assets", ["project_id", "name_key", "id"], postgresql_where=shown)
    op.create_index("ix_assets_stem", "assets", ["project_id", "stem"])
    op.create_index("ix_assets_parent_id", "assets", ["parent_id"], postgresql_where=sa.text("parent_id IS NOT NULL"))
    op.create_index(
        "ix_assets_trashed_at", "assets", ["trashed_at"], postgresql_where=sa.text("trashed_at IS NOT NULL")
    )
    op.create_index("ix_jobs_asset_id", "jobs", ["asset_id"], postgresql_where=sa.text("asset_id IS NOT NULL"))


def _files() -> None:
    op.create_table(
        "asset_files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("variant", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=True),
        sa.Column("width_px", sa.Integer(), nullable=True),
        sa.Column("height_px", sa.Integer(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("damaged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"],
            ["assets.project_id", "assets.id"],
            name="fk_asset_files_asset",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_asset_files"),
        sa.UniqueConstraint("key", name="uq_asset_files_key"),
    )
    op.create_index("uq_asset_files_kind", "asset_files", ["asset_id", "kind", "variant"], unique=True)
    op.create_index(
        "uq_asset_files_original",
        "asset_files",
        ["project_id", "sha256", "variant"],
        unique=True,
        postgresql_where=sa.text("kind IN ('original', 'sidecar') AND sha256 IS NOT NULL"),
    )
    op.create_index("ix_asset_files_crops", "asset_files", ["created_at"], postgresql_where=sa.text("kind = 'crop'"))


def _uploads() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("filename", sa.Text(), nullable=False),
        sa.Column("client_file_id", sa.Text(), nullable=True),
        sa.Column("byte_size", sa.BigInteger(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checksum_sha256", sa.String(64), nullable=True),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("parts", postgresql.JSONB(), nullable=False),
        sa.Column("next_part", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("received >= 0 AND received <= byte_size", name="ck_uploads_received"),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"], ["assets.project_id", "assets.id"], name="fk_uploads_asset", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_uploads_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_uploads"),
    )
    op.create_index("ix_uploads_asset_id", "uploads", ["asset_id"])
    op.create_index("ix_uploads_project_id_id", "uploads", ["project_id", "id"])
    op.create_index("ix_uploads_checksum", "uploads", ["project_id", "checksum_sha256"])
    op.create_index(
        "ix_uploads_expires_at",
        "uploads",
        ["expires_at"],
        postgresql_where=sa.text("status IN ('receiving', 'stored')"),
    )


def _ratings() -> None:
    op.create_table(
        "ratings",
        sa.Column("project_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("rating", sa.SmallInteger(), nullable=True),
        sa.Column("picked", sa.Boolean(), nullable=True),
        sa.Column("rejected", sa.Boolean(), nullable=True),
        sa.Column("starred", sa.Boolean(), nullable=True),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("from_file", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("rating BETWEEN 1 AND 5", name="ck_ratings_rating"),
        sa.ForeignKeyConstraint(
            ["project_id", "asset_id"], ["assets.project_id", "assets.id"], name="fk_ratings_asset", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_ratings_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("asset_id", "user_id", name="pk_ratings"),
    )
    op.create_index("ix_ratings_project_id_user_id", "ratings", ["project_id", "user_id"])


def downgrade() -> None:
    op.drop_index("ix_jobs_asset_id", "jobs")
    op.drop_table("ratings")
    op.drop_table("uploads")
    op.drop_table("asset_files")
    op.drop_table("assets")
    op.drop_column("installation", "verifying_since")
    op.drop_column("installation", "store_id")
