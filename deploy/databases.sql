-- Run by the image of Postgres when its volume is new: the database of the warehouse is made by POSTGRES_DB.
create database dagster;
